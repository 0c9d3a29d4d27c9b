#include "engine/datachannel/smux_frame.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine::datachannel {
namespace {

template <class Integer>
Integer LoadLittle(const std::byte* in) {
  Integer value = 0;
  for (size_t i = sizeof(Integer); i > 0; --i) {
    value = static_cast<Integer>(value << 8 | std::to_integer<Integer>(in[i - 1]));
  }
  return value;
}

template <class Integer>
void StoreLittle(std::byte* out, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    out[i] = static_cast<std::byte>(value >> (8 * i) & 0xFF);
  }
}

constexpr size_t kSizeOffset = 2;
constexpr size_t kStreamOffset = 4;

}  // namespace

void WriteSmuxHeader(const SmuxHeader& header, std::span<std::byte, kSmuxHeaderSize> out) {
  out[0] = std::byte{kSmuxVersion};
  out[1] = static_cast<std::byte>(header.command);
  StoreLittle(out.data() + kSizeOffset, header.size);
  StoreLittle(out.data() + kStreamOffset, header.stream);
}

void SmuxParser::Feed(ByteView bytes) {
  CHECK(input_.empty());
  input_ = bytes;
}

bool SmuxParser::TakeHeader() {
  const size_t count = std::min(kSmuxHeaderSize - header_size_, input_.size());
  std::copy_n(input_.begin(), count, header_bytes_.begin() + static_cast<ptrdiff_t>(header_size_));
  input_ = input_.subspan(count);
  header_size_ += count;
  return header_size_ == kSmuxHeaderSize;
}

SmuxParser::Result SmuxParser::Next(Piece& out) {
  while (!is_broken_) {
    if (payload_left_ > 0) {
      if (input_.empty()) return Result::kHungry;
      const ByteView data = input_.first(std::min(payload_left_, input_.size()));
      input_ = input_.subspan(data.size());
      payload_left_ -= data.size();
      if (header_.command != SmuxCommand::kPsh) continue;
      out = {.command = header_.command, .stream = header_.stream, .data = data};
      return Result::kPiece;
    }
    if (!TakeHeader()) return Result::kHungry;
    header_size_ = 0;
    const auto command = std::to_integer<uint8_t>(header_bytes_[1]);
    is_broken_ = std::to_integer<uint8_t>(header_bytes_[0]) != kSmuxVersion ||
                 command > static_cast<uint8_t>(SmuxCommand::kNop);
    header_ = {.command = static_cast<SmuxCommand>(command),
               .size = LoadLittle<uint16_t>(header_bytes_.data() + kSizeOffset),
               .stream = LoadLittle<uint32_t>(header_bytes_.data() + kStreamOffset)};
    payload_left_ = header_.size;
    if (is_broken_ || header_.command == SmuxCommand::kPsh) continue;
    out = {.command = header_.command, .stream = header_.stream, .data = {}};
    return Result::kPiece;
  }
  return Result::kBroken;
}

}  // namespace engine::datachannel
