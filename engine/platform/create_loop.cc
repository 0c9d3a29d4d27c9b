#include "engine/platform/create_loop.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/epoll/epoll_loop.h"
#include "engine/uring/uring_loop.h"

namespace engine {
namespace {

constexpr char kVariable[] = "ADIT_IO";

void LogOnce(const LoopOptions& options, std::string_view backend, std::string_view why) {
  if (!options.is_logged) return;
  static std::atomic<bool> logged = false;
  if (logged.exchange(true)) return;
  log::Write(log::Level::kInfo, "loop", {{"io", backend}, {"why", why}});
}

}  // namespace

absl::StatusOr<LoopIo> ParseLoopIo(std::string_view text) {
  if (text == "auto") return LoopIo::kAuto;
  if (text == "uring") return LoopIo::kUring;
  if (text == "epoll") return LoopIo::kEpoll;
  const std::string shown(text);
  return absl::InvalidArgumentError("unknown I/O backend '" + shown +
                                    "': use auto, uring or epoll");
}

absl::StatusOr<LoopIo> LoopIoFrom(std::string_view flag_text) {
  if (!flag_text.empty()) return ParseLoopIo(flag_text);
  const char* variable = std::getenv(kVariable);
  if (variable == nullptr || *variable == '\0') return LoopIo::kAuto;
  return ParseLoopIo(variable);
}

absl::StatusOr<std::unique_ptr<Loop>> CreateLoop(const LoopOptions& options) {
  std::string why = "asked for";
  if (options.io != LoopIo::kEpoll) {
    UringLoop::Options uring;
    uring.block_count = options.block_count;
    uring.block_size = options.block_size;
    if (std::unique_ptr<Loop> loop = UringLoop::Create(uring, why); loop != nullptr) {
      LogOnce(options, "uring", options.io == LoopIo::kAuto ? "io_uring works here" : "asked for");
      return loop;
    }
    if (options.io == LoopIo::kUring) {
      return absl::UnavailableError("io_uring was asked for and cannot be had: " + why +
                                    ". Or use --io=epoll.");
    }
  }
  LogOnce(options, "epoll", why);
  return std::unique_ptr<Loop>(
      std::make_unique<EpollLoop>(options.block_count, options.block_size));
}

}  // namespace engine
