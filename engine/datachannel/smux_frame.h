// Frames of smux, version 1: what a multiplexed port session carries inside its stream data, as one
// stream of bytes in each direction that is cut into messages anywhere.
//
//     0     1     2         4                   8
//     +-----+-----+---------+-------------------+--------- ...
//     | 1   | cmd | size u16| stream id u32     | payload
//     +-----+-----+---------+-------------------+--------- ...
//
// Integers are little-endian, unlike those of the messages around them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"

namespace engine::datachannel {

inline constexpr size_t kSmuxHeaderSize = 8;
inline constexpr uint8_t kSmuxVersion = 1;

// Values are on the wire.
enum class SmuxCommand : uint8_t {
  kSyn = 0,  // Opens a stream.
  kFin = 1,  // No more data of this stream.
  kPsh = 2,  // Data.
  kNop = 3,  // Keep-alive.
};

struct SmuxHeader {
  SmuxCommand command = SmuxCommand::kNop;
  uint16_t size = 0;  // Of the payload.
  uint32_t stream = 0;
};

void WriteSmuxHeader(const SmuxHeader& header, std::span<std::byte, kSmuxHeaderSize> out);

// SmuxParser cuts bytes into frames. Data comes in as many pieces as chunks it lies in, never
// copied; of any other frame only the header is shown, and a payload that it should not have is
// skipped.
class SmuxParser {
 public:
  struct Piece {
    SmuxCommand command = SmuxCommand::kNop;
    uint32_t stream = 0;
    ByteView data;  // Of kPsh, never empty; in the bytes that were fed.
  };
  enum class Result : uint8_t {
    kPiece,
    kHungry,  // Feed more.
    kBroken,  // Another version, or a command that it does not have: nothing more can be read.
  };

  // Feed lends bytes until Next returns kHungry. Requires: it did, or nothing was fed yet.
  void Feed(ByteView bytes);

  Result Next(Piece& out);

 private:
  // TakeHeader returns false when the bytes end before it does.
  bool TakeHeader();

  ByteView input_;
  std::array<std::byte, kSmuxHeaderSize> header_bytes_;
  size_t header_size_ = 0;
  SmuxHeader header_;
  size_t payload_left_ = 0;
  bool is_broken_ = false;
};

}  // namespace engine::datachannel
