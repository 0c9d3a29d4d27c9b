#pragma once

#include <cstddef>

#include "engine/buffer/buffer_pool.h"

namespace client {

// SlicePacker copies small slices that have to wait one after another into a block of its own.
// Credit counts bytes and the pool counts blocks: without this, ten waiting bytes hold a whole
// block, and many small waits starve the receives that would end them.
class SlicePacker {
 public:
  // Above this a slice is worth the block it stands in, while blocks are plenty; when less than a
  // quarter of the pool is free, everything that waits is packed.
  static constexpr size_t kSmallSizeMax = 4 * 1024;

  explicit SlicePacker(engine::BufferPool& pool) : pool_(pool) {}

  // Pack returns a slice of the same bytes: a copy if that saves a block, else itself.
  engine::BufferRef Pack(engine::BufferRef slice);

  // AppendTo makes `last` longer by a copy of `slice`, if `last` is the newest slice this packer
  // returned and there is room behind it. False: nothing has changed.
  bool AppendTo(engine::BufferRef& last, const engine::BufferRef& slice);

  // Release lets go of the block; slices of it live on.
  void Release();

 private:
  bool WorthPacking(size_t size) const;

  engine::BufferPool& pool_;
  engine::BufferRef block_;
  size_t fill_ = 0;
};

}  // namespace client
