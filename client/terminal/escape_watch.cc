#include "client/terminal/escape_watch.h"

#include <cstddef>

namespace client {
namespace {

constexpr uint8_t kEscapeByte = 0x1B;
constexpr uint8_t kBell = 0x07;
constexpr uint8_t kCancel = 0x18;
constexpr uint8_t kSubstitute = 0x1A;

bool BeginsString(uint8_t byte) {
  return byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_';
}

// How many bytes of a UTF-8 character follow this one.
int ContinuationsAfter(uint8_t byte) {
  if (byte >= 0xF0 && byte < 0xF8) return 3;
  if (byte >= 0xE0 && byte < 0xF0) return 2;
  return byte >= 0xC2 && byte < 0xE0 ? 1 : 0;
}

}  // namespace

void EscapeWatch::Follow(engine::ByteView output) {
  for (const std::byte byte : output) Next(static_cast<uint8_t>(byte));
}

void EscapeWatch::Next(uint8_t byte) {
  if (byte == kEscapeByte || byte == kCancel || byte == kSubstitute) {  // They end what was open.
    state_ = byte == kEscapeByte ? State::kEscape : State::kText;
    continuation_bytes_ = 0;
    return;
  }
  switch (state_) {
    case State::kText:
      if (continuation_bytes_ > 0 && (byte & 0xC0) == 0x80) {
        --continuation_bytes_;
      } else {
        continuation_bytes_ = ContinuationsAfter(byte);
      }
      return;
    case State::kEscape:
      if (byte == '[') {
        state_ = State::kControl;
      } else if (BeginsString(byte)) {
        state_ = State::kString;
      } else if (byte >= 0x30) {  // Below: intermediate bytes, and one more follows.
        state_ = State::kText;
      }
      return;
    case State::kControl:
      if (byte >= 0x40) state_ = State::kText;
      return;
    case State::kString:
      if (byte == kBell) state_ = State::kText;
      return;
  }
}

}  // namespace client
