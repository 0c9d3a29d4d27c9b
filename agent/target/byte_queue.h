#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/slice_packer.h"

namespace agent {

// ByteQueue holds bytes in order, by reference. It has no maximum of its own: a stream's window
// bounds what its owner pushes. In a steady state it does not allocate.
class ByteQueue {
 public:
  explicit ByteQueue(engine::BufferPool& pool);

  // Push adds `bytes` at the end. Bytes that Front gave out stay where they are.
  void Push(engine::BufferRef bytes);

  // Front fills `slices` with the oldest bytes and returns how many it filled.
  size_t Front(std::span<engine::ByteView> slices) const;

  // Pop removes the oldest `size` bytes. Requires: size <= this->size().
  void Pop(size_t size);
  void Clear() { Pop(size_); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  engine::BufferRef& At(size_t index) { return ring_[(first_ + index) % ring_.size()]; }
  const engine::BufferRef& At(size_t index) const { return ring_[(first_ + index) % ring_.size()]; }
  void Grow();

  engine::SlicePacker packer_;
  std::vector<engine::BufferRef> ring_;
  size_t first_ = 0;
  size_t count_ = 0;
  size_t size_ = 0;
};

}  // namespace agent
