#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace engine {

// Pipe is a pipe of the kernel, used as a place where it parks pages between two sockets.
struct Pipe {
  int read = -1;
  int write = -1;
  uint32_t slots = 0;  // References to pieces of memory that it holds; each is one byte at least.
  bool valid() const { return read >= 0; }
};

// PipeCache makes the pipes of one loop's forwards, and keeps a few empty ones. A forward has a
// pipe from when it takes bytes until the receiving side has accepted the last of them. That is
// within one turn, unless the receiver is slow: so a few pipes serve any number of idle flows, and
// `pipes_max` bounds what flows that stand still hold in the kernel.
//
// Invariants: at most pipes_max() pipes exist; what is kept is empty.
class PipeCache {
 public:
  // The pipes of one loop. With the size below this is what Linux allows an ordinary user in all
  // (fs.pipe-user-pages-soft), and 64 MiB of bytes that stopped readers did not take.
  static constexpr size_t kPipesMax = 64;
  static constexpr size_t kKeptMax = 4;  // Empty, and not in use.

  // What is asked of the kernel. An ordinary user may be granted less, and at the last two slots,
  // which move less at a time than a copy does: then it counts as no pipe.
  static constexpr uint32_t kPipeSize = 1024 * 1024;
  static constexpr uint32_t kPipeSizeMin = 64 * 1024;

  PipeCache() = default;
  ~PipeCache();
  PipeCache(const PipeCache&) = delete;
  PipeCache& operator=(const PipeCache&) = delete;

  // Take returns an empty pipe, or none: pipes_max() exist, or the kernel refuses another one.
  Pipe Take();

  // Return takes back a pipe. One that is not empty is closed, with what it holds.
  void Return(Pipe pipe, bool empty);

  // LimitTo lowers or raises the maximum, from now on. With zero there are no pipes.
  void LimitTo(size_t pipes_max);

  size_t pipes_max() const { return pipes_max_; }
  size_t pipe_count() const { return pipe_count_; }
  size_t kept_count() const { return kept_count_; }

 private:
  Pipe Make();
  void Destroy(Pipe pipe);

  size_t pipes_max_ = kPipesMax;
  size_t pipe_count_ = 0;  // In use or kept.
  size_t kept_count_ = 0;
  std::array<Pipe, kKeptMax> kept_;
};

}  // namespace engine
