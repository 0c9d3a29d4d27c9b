#include "engine/tls/tls_output.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace engine {

TlsOutput::Room TlsOutput::HasRoom(size_t size) const {
  if (tail_.size() >= size) return full() ? Room::kFull : Room::kOk;
  const size_t block_size = pool_.block_size();
  const size_t blocks = (size - tail_.size() + block_size - 1) / block_size;
  // One slice for each block, and one for what is left of the newest.
  if (slices_.size() + blocks + 1 > kTlsOutputSlicesMax) return Room::kFull;
  return blocks > pool_.free_count() ? Room::kNoBuffers : Room::kOk;
}

TlsOutput::Room TlsOutput::HasRoomForRecord() const {
  // A slice for the record and one for the key update.
  if (slices_.size() + 2 > kTlsOutputSlicesMax) return Room::kFull;
  const bool fits = tail_.size() >= kSpareSize || pool_.free_count() > 0;
  return fits || spare_ == nullptr ? Room::kOk : Room::kNoBuffers;
}

size_t TlsOutput::Append(ByteView bytes, Room& room) {
  size_t added = 0;
  while (added < bytes.size()) {
    std::span<std::byte> place;
    const size_t wanted =
        std::min(bytes.size() - added, tail_.empty() ? size_t{pool_.block_size()} : tail_.size());
    // A handshake that waits for blocks holds nobody up: it needs no spare.
    const bool dry = tail_.size() < wanted && pool_.free_count() == 0;
    room = dry && !full() ? Room::kNoBuffers : Reserve(wanted, place);
    if (room != Room::kOk) break;
    std::memcpy(place.data(), bytes.data() + added, wanted);
    Commit(wanted);
    added += wanted;
  }
  return added;
}

TlsOutput::Room TlsOutput::Reserve(size_t size, std::span<std::byte>& bytes) {
  if (full()) return Room::kFull;
  if (tail_.size() < size) {
    BufferRef block = pool_.Take();
    if (block.empty()) return ReserveSpare(size, bytes);
    CHECK(size <= block.size());
    tail_ = std::move(block);
  }
  bytes = tail_.bytes().first(size);
  return Room::kOk;
}

TlsOutput::Room TlsOutput::ReserveSpare(size_t size, std::span<std::byte>& bytes) {
  if (spare_ == nullptr) {
    spare_ = std::make_unique_for_overwrite<std::byte[]>(kSpareSize);
    spare_left_ = {spare_.get(), kSpareSize};
  }
  if (size > spare_left_.size()) return Room::kNoBuffers;
  tail_ = {};  // Commit() goes where Reserve() went last.
  bytes = spare_left_.first(size);
  return Room::kOk;
}

void TlsOutput::Commit(size_t size) {
  if (tail_.empty()) {
    CHECK(size <= spare_left_.size());
    Push({}, spare_left_.first(size));
    spare_left_ = spare_left_.subspan(size);
    return;
  }
  CHECK(size <= tail_.size());
  Push(tail_.Share(0, size), tail_.bytes().first(size));
  tail_.DropFirst(size);
  if (tail_.empty()) tail_ = {};
}

void TlsOutput::Push(BufferRef holder, std::span<std::byte> bytes) {
  size_ += bytes.size();
  if (!slices_.empty()) {
    Slice& last = slices_.back();
    const bool same = last.holder.SameBlock(holder) || (last.holder.empty() && holder.empty());
    if (same && last.bytes.data() + last.bytes.size() == bytes.data()) {
      last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
      return;
    }
  }
  slices_.Push({std::move(holder), bytes});
}

size_t TlsOutput::Peek(std::span<ByteView> slices) const {
  const size_t count = std::min(slices.size(), slices_.size());
  for (size_t i = 0; i < count; ++i) slices[i] = slices_[i].bytes;
  return count;
}

void TlsOutput::Sent(size_t size) {
  CHECK(size <= size_);
  size_ -= size;
  while (size > 0) {
    Slice& first = slices_.front();
    const size_t gone = std::min(size, first.bytes.size());
    size -= gone;
    if (gone < first.bytes.size()) {
      first.bytes = first.bytes.subspan(gone);
    } else {
      slices_.Pop();
    }
  }
  // An idle connection holds no block.
  if (!slices_.empty()) return;
  tail_ = {};
  spare_ = nullptr;
  spare_left_ = {};
}

void TlsOutput::Verify() const {
  size_t size = 0;
  for (size_t i = 0; i < slices_.size(); ++i) {
    CHECK(!slices_[i].bytes.empty());
    CHECK(!slices_[i].holder.empty() || spare_ != nullptr);
    size += slices_[i].bytes.size();
  }
  CHECK(size == size_);
}

}  // namespace engine
