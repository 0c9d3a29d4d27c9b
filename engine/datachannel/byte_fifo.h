#pragma once

#include <cstddef>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace engine::datachannel {

// ByteFifo is a queue of bytes in one piece of memory, which it keeps for the next ones. Whoever
// fills it bounds it.
class ByteFifo {
 public:
  size_t size() const { return bytes_.size() - taken_; }
  bool empty() const { return size() == 0; }

  // front is everything that is in it, until the next change.
  ByteView front() const { return AsBytes(bytes_).subspan(taken_); }

  void Append(ByteView bytes) {
    // What was taken is dropped when it is most of the memory: each byte moves once at the most.
    if (taken_ > size()) {
      bytes_.erase(0, taken_);
      taken_ = 0;
    }
    bytes_.append(AsText(bytes));
  }

  // Requires: count <= size().
  void Take(size_t count) {
    CHECK(count <= size());
    taken_ += count;
    if (empty()) Clear();
  }

  void Clear() {
    bytes_.clear();
    taken_ = 0;
  }

 private:
  std::string bytes_;
  size_t taken_ = 0;
};

}  // namespace engine::datachannel
