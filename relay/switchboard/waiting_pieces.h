#pragma once

#include <array>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/buffer_pool.h"

namespace relay {

// WaitingPieces is the bounded queue of a Leg: it has its memory in itself, so that what passes
// costs no allocation.
class WaitingPieces {
 public:
  static constexpr size_t kMax = 8;

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // Requires: size() < kMax.
  void Push(engine::BufferRef piece) {
    CHECK(size_ < kMax);
    pieces_[(first_ + size_++) % kMax] = std::move(piece);
  }

  // Requires: i < size(). The oldest is 0.
  engine::BufferRef& operator[](size_t i) {
    CHECK(i < size_);
    return pieces_[(first_ + i) % kMax];
  }
  engine::BufferRef& front() { return (*this)[0]; }

  // Requires: !empty().
  void Pop() {
    front() = engine::BufferRef();
    first_ = (first_ + 1) % kMax;
    --size_;
  }

  void Clear() {
    while (!empty()) Pop();
  }

 private:
  std::array<engine::BufferRef, kMax> pieces_;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace relay
