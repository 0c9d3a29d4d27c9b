#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/buffer/buffer_pool.h"

struct io_uring;
struct io_uring_buf_ring;

namespace engine {

// UringBuffers lends blocks of a BufferPool to the kernel, which picks one when bytes arrive: a
// ring of provided buffers (io_uring_provided_buffers.7). A block's number is its number in the
// pool.
//
//   pool --Refill()--> lent to the kernel --completion--> Take() --> BufferRef --last--> pool
//
// Invariants: of every lent block this object has the one reference; at most lent_max() are lent.
class UringBuffers {
 public:
  static constexpr uint16_t kGroup = 0;  // The ring's number in submissions.

  // Takes up to `lent_max` blocks from `pool`, which must outlive this object, as must `ring`.
  // Requires: `lent_max` is a power of two. False from valid(): the kernel refused.
  UringBuffers(io_uring& ring, BufferPool& pool, uint16_t lent_max);
  ~UringBuffers();
  UringBuffers(const UringBuffers&) = delete;
  UringBuffers& operator=(const UringBuffers&) = delete;

  bool valid() const { return entries_ != nullptr; }
  uint16_t lent_max() const { return lent_max_; }
  uint16_t lent_count() const { return lent_count_; }

  // Refill lends free blocks of the pool, as many as are missing.
  void Refill() {
    if (lent_count_ < lent_max_ && pool_.free_count() > 0) LendMissing();
  }

  // Take returns the block that the kernel has put bytes into. Requires: it was lent.
  BufferRef Take(uint16_t block_id);

 private:
  void LendMissing();

  io_uring& ring_;
  BufferPool& pool_;
  const uint16_t lent_max_;
  uint16_t lent_count_ = 0;
  io_uring_buf_ring* entries_ = nullptr;
  // What is lent, and where in it a block is, by its id: a pool has many blocks, and few are lent
  // at a time. Places that hold nothing are in free_.
  std::vector<BufferRef> lent_;
  std::vector<uint16_t> free_;
  std::unique_ptr<uint16_t[]> place_of_;
};

}  // namespace engine
