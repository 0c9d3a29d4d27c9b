#pragma once

#include <algorithm>
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

  // DropFirst drops the first `size` bytes from the slice; where there is room they become room.
  // Requires: size <= this->size().
  void DropFirst(size_t size) {
    CHECK(size <= bytes_.size());
    bytes_ = bytes_.subspan(size);
    if (room_before_ == 0) return;
    room_before_ = static_cast<uint16_t>(std::min<size_t>(room_before_ + size, UINT16_MAX));
  }

  // Share returns a second reference, to `size` bytes that start at `offset`. No byte is copied.
  // Neither has any room afterwards, and what is shared must not be overwritten.
  // Requires: offset + size <= this->size().
  BufferRef Share(size_t offset, size_t size) const;

  // Room is how many bytes right before and right after the slice are the holder's alone: it may
  // overwrite them, and the slice as well. It moves with the reference. A reference has none, until
  // somebody who knows grants it.
  size_t room_before() const { return room_before_; }
  size_t room_after() const { return room_after_; }

  // GrantRoom says that nobody else has a reference to these bytes of the block, nor to the slice.
  // Requires: they lie inside the block.
  void GrantRoom(uint16_t before, uint16_t after);

  bool SameBlock(const BufferRef& other) const {
    return pool_ != nullptr && pool_ == other.pool_ && block_id_ == other.block_id_;
  }

  // Absorb makes this slice longer by `next`, and `next` empty, when that begins in the same block
  // where this one ends. Otherwise it changes nothing and returns false.
  bool Absorb(BufferRef& next) {
    if (!SameBlock(next)) return false;
    if (next.bytes_.data() != bytes_.data() + bytes_.size()) return false;
    bytes_ = {bytes_.data(), bytes_.size() + next.bytes_.size()};
    room_after_ = next.room_after_;
    next = {};
    return true;
  }

 private:
  friend class BufferPool;
  BufferRef(BufferPool* pool, uint16_t block_id, std::span<std::byte> bytes)
      : pool_(pool), bytes_(bytes), block_id_(block_id) {}
  void swap(BufferRef& other) {
    std::swap(pool_, other.pool_);
    std::swap(bytes_, other.bytes_);
    std::swap(block_id_, other.block_id_);
    std::swap(room_before_, other.room_before_);
    std::swap(room_after_, other.room_after_);
  }

  BufferPool* pool_ = nullptr;
  std::span<std::byte> bytes_;
  uint16_t block_id_ = 0;
  // What is shared has no room, and whoever shares keeps a const reference.
  mutable uint16_t room_before_ = 0;
  mutable uint16_t room_after_ = 0;
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
    least_free_ = std::min(least_free_, free_count_);
    CHECK(references_[id] == 0);
    references_[id] = 1;
    return BufferRef(this, id, {memory_ + size_t{id} * block_size_, block_size_});
  }

  // GiveBack returns to the system the pages of free blocks that nobody has taken since the last
  // call, at most `size_max` bytes. kKeptSize bytes stay, whether in use or free. A block without
  // pages is as free as before: it costs page faults once it is used again.
  static constexpr size_t kKeptSize = 1024 * 1024;
  void GiveBack(size_t size_max);

  // HasIdlePages says whether GiveBack() has something to do, if not now, then once nobody will
  // have taken a block for a while.
  bool HasIdlePages() const {
    return std::min(bare_, least_free_) < std::min<int>(free_count_, block_count_ - kept_count_);
  }

 private:
  friend class BufferRef;
  void Retain(uint16_t id) { ++references_[id]; }
  void Release(uint16_t id) {
    CHECK(references_[id] > 0);
    if (--references_[id] == 0) free_[free_count_++] = id;
  }

  void GiveBackBlocks(size_t lowest, size_t highest);

  const uint16_t block_count_;
  const uint32_t block_size_;
  const size_t memory_size_;
  const uint16_t kept_count_;
  std::byte* memory_ = nullptr;
  std::unique_ptr<uint32_t[]> references_;
  std::unique_ptr<uint16_t[]> free_;
  uint16_t free_count_ = 0;
  uint16_t least_free_ = 0;  // Since the last GiveBack(): nobody took what is below in the stack.
  uint16_t bare_ = 0;        // The lowest of the stack had no pages then.
};

inline BufferRef::~BufferRef() {
  if (pool_ != nullptr) pool_->Release(block_id_);
}

inline BufferRef BufferRef::Share(size_t offset, size_t size) const {
  CHECK(offset + size <= bytes_.size());
  if (pool_ != nullptr) pool_->Retain(block_id_);
  room_before_ = 0;
  room_after_ = 0;
  return BufferRef(pool_, block_id_, bytes_.subspan(offset, size));
}

inline void BufferRef::GrantRoom(uint16_t before, uint16_t after) {
  CHECK(pool_ != nullptr);
  const std::byte* block = pool_->memory_ + size_t{block_id_} * pool_->block_size_;
  CHECK(bytes_.data() >= block + before);
  CHECK(bytes_.data() + bytes_.size() + after <= block + pool_->block_size_);
  room_before_ = before;
  room_after_ = after;
}

}  // namespace engine
