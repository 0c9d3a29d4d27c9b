#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "engine/base/check.h"

namespace engine {

class BufferPool;

// BufferRef is one counted reference to a slice of a pool block. The block goes back to the pool
// with its last reference. Counts are not atomic: a pool and its references stay on one thread.
class BufferRef {
 public:
  BufferRef() = default;
  BufferRef(BufferRef&& other) noexcept { swap(other); }
  BufferRef& operator=(BufferRef&& other) noexcept {
    BufferRef(std::move(other)).swap(*this);
    return *this;
  }
  ~BufferRef();

  std::span<std::byte> bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // KeepFirst drops all but the first `size` bytes from the slice. The block stays whole.
  // Requires: size <= this->size().
  void KeepFirst(size_t size) {
    CHECK(size <= bytes_.size());
    bytes_ = bytes_.first(size);
  }

  // The number of the block, below the pool's block_count(). Requires: a reference to a block.
  uint16_t block_id() const { return block_id_; }

  // Share returns a second reference, to `size` bytes that start at `offset`. No byte is copied.
  // Requires: offset + size <= this->size().
  BufferRef Share(size_t offset, size_t size) const;

 private:
  friend class BufferPool;
  BufferRef(BufferPool* pool, uint16_t block_id, std::span<std::byte> bytes)
      : pool_(pool), bytes_(bytes), block_id_(block_id) {}
  void swap(BufferRef& other) {
    std::swap(pool_, other.pool_);
    std::swap(bytes_, other.bytes_);
    std::swap(block_id_, other.block_id_);
  }

  BufferPool* pool_ = nullptr;
  std::span<std::byte> bytes_;
  uint16_t block_id_ = 0;
};

// BufferPool owns `block_count` blocks of `block_size` bytes, allocated once. On Linux the same
// memory is the provided-buffer ring; a block id is the kernel's buffer id.
class BufferPool {
 public:
  BufferPool(uint16_t block_count, uint32_t block_size);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  uint16_t free_count() const { return free_count_; }
  uint16_t block_count() const { return block_count_; }
  uint32_t block_size() const { return block_size_; }

  // Take returns a reference to a whole free block, or an empty one when the pool has run dry.
  BufferRef Take() {
    if (free_count_ == 0) return {};
    const uint16_t id = free_[--free_count_];
    CHECK(references_[id] == 0);
    references_[id] = 1;
    return BufferRef(this, id, {memory_ + size_t{id} * block_size_, block_size_});
  }

 private:
  friend class BufferRef;
  void Retain(uint16_t id) { ++references_[id]; }
  void Release(uint16_t id) {
    CHECK(references_[id] > 0);
    if (--references_[id] == 0) free_[free_count_++] = id;
  }

  const uint16_t block_count_;
  const uint32_t block_size_;
  const size_t memory_size_;
  std::byte* memory_ = nullptr;
  std::unique_ptr<uint32_t[]> references_;
  std::unique_ptr<uint16_t[]> free_;
  uint16_t free_count_ = 0;
};

inline BufferRef::~BufferRef() {
  if (pool_ != nullptr) pool_->Release(block_id_);
}

inline BufferRef BufferRef::Share(size_t offset, size_t size) const {
  CHECK(offset + size <= bytes_.size());
  if (pool_ != nullptr) pool_->Retain(block_id_);
  return BufferRef(pool_, block_id_, bytes_.subspan(offset, size));
}

}  // namespace engine
