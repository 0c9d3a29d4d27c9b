// Frames as a fuzz script says them: mostly of a form that a parser takes, with any numbers.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/wire/frame.h"

namespace fuzz {

// Number returns up to 8 bytes as one number: few bytes are a small one.
inline uint64_t Number(engine::ByteView bytes) {
  uint64_t number = 0;
  for (const std::byte byte : bytes.first(std::min<size_t>(bytes.size(), 8)))
    number = number << 8 | std::to_integer<uint64_t>(byte);
  return number;
}

inline std::string Big(uint64_t number) {
  std::array<std::byte, 8> bytes;
  engine::StoreBig(bytes.data(), number);
  return std::string(engine::AsText(bytes));
}

// ScriptedFrame reads type, flags and stream from the first three bytes, and what it carries from
// the rest; `request` is what an OPEN asks for. From 200 on the second byte is flags, and the rest
// the payload as it is, legal or not.
inline std::string ScriptedFrame(engine::ByteView bytes, std::string_view request) {
  const auto at = [&](size_t i) {
    return i < bytes.size() ? std::to_integer<uint8_t>(bytes[i]) : uint8_t{0};
  };
  const engine::ByteView rest = bytes.subspan(std::min<size_t>(bytes.size(), 3));
  const auto type = static_cast<uint8_t>(at(0) % 13);
  const bool is_plain = at(1) < 200;
  std::string payload(engine::AsText(rest));
  if (is_plain) {
    switch (static_cast<engine::FrameType>(type)) {
      case engine::FrameType::kOpen:
        payload = Big(Number(rest)) + std::string(request);
        break;
      case engine::FrameType::kCredit:
        payload =
            Big(Number(rest.first(rest.size() / 2))) + Big(Number(rest.subspan(rest.size() / 2)));
        break;
      case engine::FrameType::kAccept:
      case engine::FrameType::kFinish:
      case engine::FrameType::kPing:
      case engine::FrameType::kAck:
        payload = Big(Number(rest));
        break;
      default:
        break;
    }
  }
  std::array<std::byte, engine::kFrameHeaderSize> header{};
  header[0] = std::byte{type};
  header[1] = std::byte{is_plain ? static_cast<uint8_t>(at(1) & 1 & (type == 8 ? 1 : 0)) : at(1)};
  engine::StoreBig(&header[2], static_cast<uint16_t>(payload.size()));
  engine::StoreBig(&header[4], uint32_t{at(2)} % 8);
  return std::string(engine::AsText(header)) + payload;
}

}  // namespace fuzz
