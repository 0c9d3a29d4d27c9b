// Plaintext in, frames out. Bytes of streams are never copied.
//
//     chunk 1                 chunk 2                        chunk 3
//     [hdr|control][hdr|data......... .....data][hdr|con     trol][hdr|data]
//                       piece 1          piece 2     \_________/
//                                                     assembled

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/wire/frame.h"

namespace engine {

// FrameParser cuts a link's plaintext into frames. A header that two chunks share is put together
// in 8 bytes; a payload other than DATA that two chunks share is assembled in a buffer of at most
// the largest such payload; a DATA payload comes in as many pieces as chunks it lies in, each a
// slice of its chunk. It holds no chunk once Next has returned kHungry.
class FrameParser {
 public:
  enum class Result : uint8_t {
    kFrame,   // `out` is filled.
    kHungry,  // The chunk is used up: Feed the next one.
    kBroken,  // The bytes are no frames: see error(). Nothing but Drop may be called any more.
  };

  struct Frame {
    FrameHeader header{};
    BufferRef data;        // kData: this piece of the payload, never empty.
    bool is_last = true;   // kData: the payload is complete with this piece.
    bool is_first = true;  // kData: the payload starts with this piece.
    ByteView payload;      // All other types: the whole payload, until the next call.
  };

  FrameParser();

  // Feed hands over the next chunk. Requires: the last Next, if any, returned kHungry.
  void Feed(BufferRef chunk);

  Result Next(Frame& out);

  FrameError error() const { return error_; }

  // True when no part of a frame has come yet. Requires: the last Next returned kHungry.
  bool is_between_frames() const { return !has_header_ && header_size_ == 0; }

  // Drop gives back what is held: the link is over.
  void Drop();

 private:
  bool TakeHeader();

  BufferRef chunk_;
  size_t offset_ = 0;  // In chunk_.

  std::array<std::byte, kFrameHeaderSize> header_bytes_;
  size_t header_size_ = 0;  // In header_bytes_, while a header is split.

  bool has_header_ = false;  // header_ is that of the frame whose payload comes next.
  FrameHeader header_{};
  size_t payload_left_ = 0;

  std::vector<std::byte> assembled_;  // Of the payload, while it is split and is not kData.
  bool is_assembled_shown_ = false;   // The last frame's payload lies in assembled_.
  FrameError error_ = FrameError::kNone;
};

}  // namespace engine
