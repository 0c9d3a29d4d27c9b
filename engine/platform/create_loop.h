#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/loop/loop.h"

namespace engine {

// LoopIo is which backend a person asks for, by `--io` or by ADIT_IO.
enum class LoopIo : uint8_t { kAuto, kUring, kEpoll };

struct LoopOptions {
  using Io = LoopIo;

  Io io = Io::kAuto;

  // Blocks that the program may hold at a time: the sum of its holders' maxima, and some to receive
  // into. What a backend lends to the kernel comes on top.
  uint16_t block_count = 256;
  uint32_t block_size = 32 * 1024;

  // Whether this loop is the one to log; false for one that only makes a socket.
  bool is_logged = true;
};

// ParseLoopIo reads "auto", "uring" or "epoll". The error text names the three.
absl::StatusOr<LoopIo> ParseLoopIo(std::string_view text);

// LoopIoFrom decides between a flag's text and the environment's ADIT_IO: the flag when it is not
// empty, then the environment when it is set, then kAuto.
absl::StatusOr<LoopIo> LoopIoFrom(std::string_view flag_text);

// CreateLoop makes the loop of one thread. kAuto takes io_uring where it works and epoll where not;
// the first logged loop of a process leaves one line that says which and why. kUring fails, with
// the reason, where it does not work.
absl::StatusOr<std::unique_ptr<Loop>> CreateLoop(const LoopOptions& options);

}  // namespace engine
