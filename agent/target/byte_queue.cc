#include "agent/target/byte_queue.h"

#include <utility>

#include "engine/base/check.h"

namespace agent {
namespace {

constexpr size_t kSlotsAtStart = 16;

}  // namespace

ByteQueue::ByteQueue(engine::BufferPool& pool) : packer_(pool), ring_(kSlotsAtStart) {}

void ByteQueue::Grow() {
  std::vector<engine::BufferRef> larger(ring_.size() * 2);
  for (size_t i = 0; i < count_; ++i) larger[i] = std::move(At(i));
  ring_ = std::move(larger);
  first_ = 0;
}

void ByteQueue::Push(engine::BufferRef bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  if (count_ > 0) {
    bytes = packer_.Pack(std::move(bytes));
  } else {
    packer_.Release();
  }
  if (count_ == ring_.size()) Grow();
  At(count_++) = std::move(bytes);
}

size_t ByteQueue::Front(std::span<engine::ByteView> slices) const {
  size_t filled = 0;
  for (size_t i = 0; i < count_; ++i) {
    const engine::ByteView bytes = At(i).bytes();
    if (filled > 0 && slices[filled - 1].data() + slices[filled - 1].size() == bytes.data()) {
      slices[filled - 1] = {slices[filled - 1].data(), slices[filled - 1].size() + bytes.size()};
      continue;
    }
    if (filled == slices.size()) break;
    slices[filled++] = bytes;
  }
  return filled;
}

void ByteQueue::Pop(size_t size) {
  CHECK(size <= size_);
  size_ -= size;
  while (size > 0) {
    engine::BufferRef& oldest = At(0);
    if (size < oldest.size()) {
      oldest = oldest.Share(size, oldest.size() - size);
      break;
    }
    size -= oldest.size();
    oldest = {};
    first_ = (first_ + 1) % ring_.size();
    --count_;
  }
  if (count_ == 0) packer_.Release();
}

}  // namespace agent
