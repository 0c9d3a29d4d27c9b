#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "engine/base/check.h"

namespace engine {

// WindowReserve is credit that the windows of several links may grow into, beyond what each link
// has of its own: a single stream over a long and fast way gets the window that it needs, and many
// of them share what there is. Nobody may take more than a part of what is left, so that who comes
// later still finds something.
//
// Thread-safe: the links may be on different threads. Links give back what they took.
class WindowReserve {
 public:
  // Requires: parts > 0. One taker gets at most one of `parts` parts of what is left.
  WindowReserve(uint64_t size, uint64_t parts) : size_(size), parts_(parts), left_(size) {
    CHECK(parts > 0);
  }
  ~WindowReserve() { CHECK(left_.load() == size_); }  // Requires: everything came back.
  WindowReserve(const WindowReserve&) = delete;
  WindowReserve& operator=(const WindowReserve&) = delete;

  // Take returns how much of `wanted` the taker has now.
  uint64_t Take(uint64_t wanted) {
    uint64_t left = left_.load();
    uint64_t taken = 0;
    do {
      taken = std::min(wanted, left / parts_);
    } while (!left_.compare_exchange_weak(left, left - taken));
    return taken;
  }

  void Return(uint64_t bytes) { left_ += bytes; }

  uint64_t left() const { return left_.load(); }

 private:
  const uint64_t size_;
  const uint64_t parts_;
  std::atomic<uint64_t> left_;
};

}  // namespace engine
