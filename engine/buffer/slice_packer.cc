#include "engine/buffer/slice_packer.h"

#include <cstring>
#include <utility>

namespace engine {

bool SlicePacker::WorthPacking(size_t size) const {
  if (size < pool_.block_size() / kSmallPart) return true;
  return size <= pool_.block_size() / 2 && pool_.free_count() < pool_.block_count() / 4;
}

BufferRef SlicePacker::Pack(BufferRef slice) {
  if (!WorthPacking(slice.size())) return slice;
  if (block_.size() - fill_ < slice.size()) {
    BufferRef fresh = pool_.Take();
    if (fresh.size() < slice.size()) return slice;
    block_ = std::move(fresh);
    fill_ = 0;
  }
  std::memcpy(block_.bytes().data() + fill_, slice.bytes().data(), slice.size());
  BufferRef packed = block_.Share(fill_, slice.size());
  fill_ += slice.size();
  return packed;
}

bool SlicePacker::AppendTo(BufferRef& last, const BufferRef& slice) {
  if (!WorthPacking(slice.size()) || block_.size() - fill_ < slice.size()) return false;
  const std::byte* end = block_.bytes().data() + fill_;
  if (last.empty() || last.bytes().data() + last.size() != end || fill_ < last.size()) return false;
  std::memcpy(block_.bytes().data() + fill_, slice.bytes().data(), slice.size());
  fill_ += slice.size();
  const size_t size = last.size() + slice.size();
  last = block_.Share(fill_ - size, size);
  return true;
}

void SlicePacker::Release() {
  block_ = BufferRef();
  fill_ = 0;
}

}  // namespace engine
