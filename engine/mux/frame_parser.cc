#include "engine/mux/frame_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace engine {

// CREDIT, PING and the like are split often and are 16 bytes at most; only a long control message
// that is split makes the buffer grow, to at most the largest payload that ParseFrameHeader lets
// by.
constexpr size_t kAssembledReserve = 64;

FrameParser::FrameParser() { assembled_.reserve(kAssembledReserve); }

void FrameParser::Feed(BufferRef chunk) {
  CHECK(chunk_.empty());
  CHECK(error_ == FrameError::kNone);
  chunk_ = std::move(chunk);
  offset_ = 0;
}

void FrameParser::Drop() {
  chunk_ = {};
  offset_ = 0;
}

// TakeHeader completes header_, or returns false when the chunk ends first or the header is wrong.
bool FrameParser::TakeHeader() {
  const ByteView rest = ByteView(chunk_.bytes()).subspan(offset_);
  if (header_size_ == 0 && rest.size() >= kFrameHeaderSize) {
    error_ = ParseFrameHeader(rest, header_);
    offset_ += kFrameHeaderSize;
  } else {
    const size_t size = std::min(kFrameHeaderSize - header_size_, rest.size());
    if (size > 0) std::memcpy(header_bytes_.data() + header_size_, rest.data(), size);
    header_size_ += size;
    offset_ += size;
    if (header_size_ < kFrameHeaderSize) return false;
    header_size_ = 0;
    error_ = ParseFrameHeader(header_bytes_, header_);
  }
  if (error_ != FrameError::kNone) return false;
  has_header_ = true;
  payload_left_ = header_.payload_size;
  return true;
}

FrameParser::Result FrameParser::Next(Frame& out) {
  CHECK(error_ == FrameError::kNone);
  out.data = {};
  out.payload = {};
  if (is_assembled_shown_) {
    assembled_.clear();
    is_assembled_shown_ = false;
  }
  if (!has_header_ && !TakeHeader()) {
    Drop();
    return error_ == FrameError::kNone ? Result::kHungry : Result::kBroken;
  }

  const ByteView rest = ByteView(chunk_.bytes()).subspan(offset_);
  const size_t size = std::min(payload_left_, rest.size());
  if (size == 0) {  // No frame has an empty payload: the chunk ended behind the header.
    Drop();
    return Result::kHungry;
  }
  out.header = header_;
  out.is_first = payload_left_ == header_.payload_size;
  payload_left_ -= size;
  out.is_last = payload_left_ == 0;
  has_header_ = !out.is_last;

  if (header_.type == FrameType::kData) {
    if (offset_ + size == chunk_.size()) {
      // The last payload takes the chunk itself, with the room around it: a frame that was alone in
      // its record can be sent on from where it lies.
      out.data = std::move(chunk_);
      out.data.DropFirst(offset_);
      Drop();
      return Result::kFrame;
    }
    out.data = chunk_.Share(offset_, size);
    offset_ += size;
    return Result::kFrame;
  }
  offset_ += size;
  if (out.is_first && out.is_last) {
    out.payload = rest.first(size);
    return Result::kFrame;
  }
  assembled_.insert(assembled_.end(), rest.begin(), rest.begin() + static_cast<ptrdiff_t>(size));
  if (!out.is_last) {
    Drop();
    return Result::kHungry;
  }
  out.is_first = true;
  out.payload = assembled_;
  is_assembled_shown_ = true;
  return Result::kFrame;
}

}  // namespace engine
