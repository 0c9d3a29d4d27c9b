#include "engine/mux/frame_fifo.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine {

// A buffer that grew beyond this in a burst is given back when it has run empty.
constexpr size_t kKeptSize = 16 * 1024;

bool FrameFifo::Push(FrameType type, uint8_t flags, StreamId stream,
                     std::initializer_list<ByteView> parts) {
  size_t payload_size = 0;
  for (ByteView part : parts) payload_size += part.size();
  CHECK(payload_size <= kFramePayloadMax);
  if (size() + kFrameHeaderSize + payload_size > bytes_max_) return false;

  const size_t at = bytes_.size();
  bytes_.resize(at + kFrameHeaderSize);
  const FrameHeader header{type, flags, static_cast<uint16_t>(payload_size), stream};
  BuildFrameHeader(header, bytes_.data() + at);
  FrameHeader parsed;
  CHECK(ParseFrameHeader(ByteView(bytes_).subspan(at), parsed) == FrameError::kNone);
  for (ByteView part : parts) bytes_.insert(bytes_.end(), part.begin(), part.end());
  if (type == FrameType::kControl) ++control_count_;
  return true;
}

FrameHeader FrameFifo::HeaderAt(size_t offset) const {
  FrameHeader header;
  CHECK(ParseFrameHeader(ByteView(bytes_).subspan(offset), header) == FrameError::kNone);
  return header;
}

ByteView FrameFifo::Run(size_t size_max, size_t alone_size, bool may_be_alone) const {
  size_t size = 0;
  while (begin_ + size < bytes_.size()) {
    const size_t frame_size = kFrameHeaderSize + HeaderAt(begin_ + size).payload_size;
    if (size + frame_size > size_max) break;
    if (frame_size > alone_size) {
      if (size == 0 && may_be_alone) size = frame_size;
      break;
    }
    size += frame_size;
  }
  return ByteView(bytes_).subspan(begin_, size);
}

void FrameFifo::Pop(size_t size) {
  CHECK(size <= this->size());
  const size_t end = begin_ + size;
  while (begin_ < end) {
    const FrameHeader header = HeaderAt(begin_);
    if (header.type == FrameType::kControl) --control_count_;
    begin_ += kFrameHeaderSize + header.payload_size;
  }
  CHECK(begin_ == end);
  if (empty()) {
    Clear();
  } else if (begin_ >= bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

void FrameFifo::Clear() {
  begin_ = 0;
  control_count_ = 0;
  bytes_.clear();
  if (bytes_.capacity() > kKeptSize) bytes_.shrink_to_fit();
}

}  // namespace engine
