#include "engine/tls/tls_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace engine {

bool TlsInput::Push(BufferRef& slice) {
  if (!slices_.empty() && slices_.back().Absorb(slice)) return true;
  if (slices_.full()) return false;
  slices_.Push(std::move(slice));
  return true;
}

size_t TlsInput::Read(std::span<std::byte> out) {
  CHECK(joined_size_ == 0);
  return Move(out);
}

size_t TlsInput::Move(std::span<std::byte> out) {
  size_t taken = 0;
  while (taken < out.size() && !slices_.empty()) {
    BufferRef& slice = slices_.front();
    const size_t size = std::min(out.size() - taken, slice.size());
    std::memcpy(out.data() + taken, slice.bytes().data(), size);
    taken += size;
    if (size == slice.size()) {
      slices_.Pop();
    } else {
      slice.DropFirst(size);
    }
  }
  return taken;
}

bool TlsInput::PeekHeader(std::span<std::byte, kTlsRecordHeader> out) const {
  if (joined_size_ > 0) {
    std::memcpy(out.data(), assembly_.bytes().data(), out.size());
    return true;
  }
  size_t filled = 0;
  for (size_t i = 0; i < slices_.size() && filled < out.size(); ++i) {
    const ByteView bytes = slices_[i].bytes();
    const size_t size = std::min(out.size() - filled, bytes.size());
    std::memcpy(out.data() + filled, bytes.data(), size);
    filled += size;
  }
  return filled == out.size();
}

TlsInput::Outcome TlsInput::TakeRecord(size_t size, BufferRef& record) {
  if (slices_.empty()) return Outcome::kNeedMore;
  if (joined_size_ == 0) {
    BufferRef& first = slices_.front();
    if (first.size() == size) {
      record = std::move(first);
      slices_.Pop();
      return Outcome::kOk;
    }
    if (first.size() > size) {
      record = first.Share(0, size);
      first.DropFirst(size);
      return Outcome::kOk;
    }
    // What is missing may still come behind it in its block.
    if (slices_.size() == 1) return Outcome::kNeedMore;
    if (assembly_.size() < size) assembly_ = pool_.Take();
    if (assembly_.empty()) return Outcome::kNoBuffers;
    CHECK(assembly_.size() >= size);
  }
  // Pieces are copied as they come, so that a slow peer holds two blocks and not one for each.
  const size_t moved = Move(assembly_.bytes().subspan(joined_size_, size - joined_size_));
  copied_bytes_ += moved;
  joined_size_ += moved;
  if (joined_size_ < size) return Outcome::kNeedMore;
  record = assembly_.Share(0, size);
  assembly_.DropFirst(size);
  joined_size_ = 0;
  return Outcome::kOk;
}

bool TlsInput::PeekParts(size_t size, Parts& parts) {
  if (joined_size_ > 0 || slices_.size() < 2) return false;
  parts.first = slices_[0].bytes();
  if (parts.first.size() < kTlsRecordHeader || parts.first.size() >= size) return false;
  parts.second = slices_[1].bytes();
  if (parts.first.size() + parts.second.size() < size) return false;
  parts.second = parts.second.first(size - parts.first.size());
  if (assembly_.size() < size) assembly_ = pool_.Take();
  if (assembly_.empty()) return false;
  CHECK(assembly_.size() >= size);
  parts.place = assembly_.bytes().first(size);
  return true;
}

BufferRef TlsInput::TakeParts(size_t size) {
  const size_t in_second = size - slices_.front().size();
  slices_.Pop();
  if (in_second == slices_.front().size()) {
    slices_.Pop();
  } else {
    slices_.front().DropFirst(in_second);
  }
  BufferRef record = assembly_.Share(0, size);
  assembly_.DropFirst(size);
  return record;
}

std::vector<BufferRef> TlsInput::TakeAll() {
  std::vector<BufferRef> all;
  if (joined_size_ > 0) all.push_back(assembly_.Share(0, joined_size_));
  for (; !slices_.empty(); slices_.Pop()) all.push_back(std::move(slices_.front()));
  Clear();
  return all;
}

void TlsInput::Clear() {
  slices_.Clear();
  assembly_ = {};
  joined_size_ = 0;
}

}  // namespace engine
