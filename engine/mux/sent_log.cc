#include "engine/mux/sent_log.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/record_protocol.h"

namespace engine {
namespace {

constexpr size_t kRingMin = 4 * 1024;
// A ring that grew beyond this in a burst of small payloads is given back when it has run empty.
constexpr size_t kRingKept = 256 * 1024;

}  // namespace

SentLog::~SentLog() {
  while (Piece* piece = pieces_.PopFront()) piece_slab_.Return(piece);
}

// LastOpen returns the last piece if more of the ring can be a part of it, or else a new one.
SentLog::Piece& SentLog::LastOpen() {
  Piece* last = pieces_.back();
  if (last != nullptr && last->kept.empty()) return *last;
  Piece* piece = piece_slab_.Make();
  piece->begin = end_;
  piece->ring_at = ring_end_;
  pieces_.PushBack(*piece);
  return *piece;
}

void SentLog::Append(ByteView copied) {
  CHECK(!has_unsent());
  CHECK(!copied.empty());
  ReserveRing(copied.size());
  Piece& piece = LastOpen();
  const size_t mask = ring_capacity_ - 1;
  const size_t at = static_cast<size_t>(ring_end_) & mask;
  const size_t first = std::min(copied.size(), ring_capacity_ - at);
  std::memcpy(ring_.get() + at, copied.data(), first);
  if (first < copied.size()) std::memcpy(ring_.get(), copied.data() + first, copied.size() - first);
  piece.ring_size += copied.size();
  ring_end_ += copied.size();
  end_ += copied.size();
  sent_ = end_;
}

void SentLog::Append(BufferRef kept) {
  CHECK(!has_unsent());
  CHECK(!kept.empty());
  Piece& piece = LastOpen();
  end_ += kept.size();
  sent_ = end_;
  piece.kept = std::move(kept);
}

// ReserveRing makes room for `size` bytes more; what is in the ring moves when it grows.
void SentLog::ReserveRing(size_t size) {
  const size_t used = static_cast<size_t>(ring_end_ - ring_begin_);
  if (used + size <= ring_capacity_) return;
  const size_t capacity = std::max(kRingMin, std::bit_ceil(used + size));
  auto grown = std::make_unique<std::byte[]>(capacity);
  for (uint64_t at = ring_begin_; at < ring_end_;) {
    const ByteView run = RingRun(at, static_cast<size_t>(ring_end_ - at));
    const size_t to = static_cast<size_t>(at) & (capacity - 1);
    const size_t count = std::min(run.size(), capacity - to);
    std::memcpy(grown.get() + to, run.data(), count);
    at += count;
  }
  ring_ = std::move(grown);
  ring_capacity_ = capacity;
}

ByteView SentLog::RingRun(uint64_t at, size_t size) const {
  const size_t index = static_cast<size_t>(at) & (ring_capacity_ - 1);
  return {ring_.get() + index, std::min(size, ring_capacity_ - index)};
}

void SentLog::Trim(Piece& piece, size_t size) {
  const size_t of_ring = std::min(size, piece.ring_size);
  piece.begin += size;
  piece.ring_at += of_ring;
  piece.ring_size -= of_ring;
  ring_begin_ += of_ring;
  if (size > of_ring) piece.kept.DropFirst(size - of_ring);
}

bool SentLog::Acknowledge(uint64_t position) {
  if (position > sent_) return false;
  if (position <= begin_) return true;
  begin_ = position;
  while (Piece* piece = pieces_.front()) {
    if (piece->begin + piece->size() > position) {
      Trim(*piece, static_cast<size_t>(position - piece->begin));
      break;
    }
    ring_begin_ += piece->ring_size;
    pieces_.Remove(*piece);
    piece_slab_.Return(piece);
  }
  if (pieces_.empty() && ring_capacity_ > kRingKept) {
    ring_.reset();
    ring_capacity_ = 0;
  }
  return true;
}

bool SentLog::Rewind(uint64_t position) {
  if (position < begin_ || !Acknowledge(position)) return false;
  sent_ = begin_;
  unsent_ = pieces_.front();
  return true;
}

size_t SentLog::Gather(std::span<ByteView> slices) {
  size_t count = 0;
  size_t room = kRecordSizeMax;
  while (has_unsent() && room > 0 && count < slices.size()) {
    const Piece& piece = *unsent_;
    const auto offset = static_cast<size_t>(sent_ - piece.begin);
    ByteView run = offset < piece.ring_size
                       ? RingRun(piece.ring_at + offset, piece.ring_size - offset)
                       : ByteView(piece.kept.bytes()).subspan(offset - piece.ring_size);
    run = run.first(std::min(run.size(), room));
    slices[count++] = run;
    room -= run.size();
    sent_ += run.size();
    if (sent_ == piece.begin + piece.size()) unsent_ = decltype(pieces_)::Next(piece);
  }
  return count;
}

}  // namespace engine
