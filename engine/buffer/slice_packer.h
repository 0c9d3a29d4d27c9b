#pragma once

#include <cstddef>

#include "engine/buffer/buffer_pool.h"

namespace engine {

// SlicePacker copies small slices that have to wait one after another into a block of its own.
// Credit counts bytes and the pool counts blocks: without this, ten waiting bytes hold a whole
// block, and many small waits starve the receives that would end them.
class SlicePacker {
 public:
  // A slice of at least this part of a block is worth the block it stands in, while blocks are
  // plenty: at most four times the bytes that wait are pinned. When less than a quarter of the pool
  // is free, all is packed of which two fit into a block.
  static constexpr size_t kSmallPart = 4;

  explicit SlicePacker(BufferPool& pool) : pool_(pool) {}

  // Pack returns a slice of the same bytes: a copy if that saves a block, else, or when the pool
  // has run dry, itself.
  BufferRef Pack(BufferRef slice);

  // AppendTo makes `last` longer by a copy of `slice`, if `last` is the newest slice this packer
  // returned and there is room behind it. False: nothing has changed.
  bool AppendTo(BufferRef& last, const BufferRef& slice);

  // Release lets go of the block; slices of it live on.
  void Release();

 private:
  bool WorthPacking(size_t size) const;

  BufferPool& pool_;
  BufferRef block_;
  size_t fill_ = 0;
};

}  // namespace engine
