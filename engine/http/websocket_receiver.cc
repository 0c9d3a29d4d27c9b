#include "engine/http/websocket_receiver.h"

#include <algorithm>

#include "engine/base/utf8.h"

namespace engine {
namespace {

constexpr uint8_t Number(WebSocketOpcode opcode) { return static_cast<uint8_t>(opcode); }

bool IsControl(uint8_t opcode) { return (opcode & 0x8) != 0; }

bool IsKnown(uint8_t opcode) {
  return opcode <= Number(WebSocketOpcode::kBinary) ||
         (opcode >= Number(WebSocketOpcode::kClose) && opcode <= Number(WebSocketOpcode::kPong));
}

// IsCodeOnWire is true for the codes that a close frame may carry (RFC 6455, section 7.4, and the
// three that were registered later).
bool IsCodeOnWire(uint16_t code) {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace

WebSocketReceiver::WebSocketReceiver(WebSocketFrames& frames, WebSocketSide side,
                                     size_t message_size_max)
    : frames_(frames), side_(side), message_size_max_(message_size_max) {}

WebSocketReceiver::Event WebSocketReceiver::Fail(WebSocketCode code, std::string_view why) {
  code_ = code;
  failure_text_ = why;
  return Event::kFailed;
}

WebSocketReceiver::Event WebSocketReceiver::Next(ByteView& payload) {
  if (is_message_shown_) {
    is_message_shown_ = false;
    message_.clear();
  }
  for (;;) {
    WebSocketFrames::Piece piece;
    switch (frames_.Next(piece)) {
      case WebSocketFrames::Result::kHungry:
        return Event::kHungry;
      case WebSocketFrames::Result::kBroken:
        return Fail(WebSocketCode::kProtocolError, "the bytes are no frame of a WebSocket");
      case WebSocketFrames::Result::kPiece:
        break;
    }
    if (piece.is_first && !CheckFrame(piece)) return Event::kFailed;
    const Event event =
        IsControl(piece.opcode) ? TakeControl(piece, payload) : TakeData(piece, payload);
    if (event != Event::kHungry) return event;
  }
}

bool WebSocketReceiver::CheckFrame(const WebSocketFrames::Piece& piece) {
  std::string_view why;
  if (piece.reserved != 0) why = "a reserved bit is set, and no extension was agreed on";
  if (!IsKnown(piece.opcode)) why = "a frame has an unknown opcode";
  if (piece.is_masked != (side_ == WebSocketSide::kServer)) {
    why = piece.is_masked ? "a server's frames are not masked" : "a client's frames are masked";
  }
  if (!IsControl(piece.opcode)) {
    const bool continues = piece.opcode == Number(WebSocketOpcode::kContinuation);
    if (continues && !in_message_) why = "a continuation frame continues nothing";
    if (!continues && in_message_) why = "a message began inside another one";
  }
  if (!why.empty()) {
    Fail(WebSocketCode::kProtocolError, why);
    return false;
  }
  if (IsControl(piece.opcode)) return true;
  if (!in_message_) empty_count_ = 0;
  if (piece.frame_size == 0 && !piece.is_final && ++empty_count_ > kEmptyFragmentsMax) {
    Fail(WebSocketCode::kPolicy, "a message has too many empty fragments");
    return false;
  }
  if (message_.size() > message_size_max_ ||
      piece.frame_size > message_size_max_ - message_.size()) {
    Fail(WebSocketCode::kTooLarge, "a message is larger than what is taken here");
    return false;
  }
  return true;
}

WebSocketReceiver::Event WebSocketReceiver::TakeData(const WebSocketFrames::Piece& piece,
                                                     ByteView& payload) {
  if (!in_message_) {
    in_message_ = true;
    is_text_ = piece.opcode == Number(WebSocketOpcode::kText);
  }
  const bool ends = piece.is_last && piece.is_final;
  if (ends && message_.empty()) {
    payload = piece.data;  // The common case: all of it lies in one piece.
  } else {
    message_.append(AsText(piece.data));
    if (!ends) return Event::kHungry;
    payload = AsBytes(message_);
    is_message_shown_ = true;
  }
  in_message_ = false;
  if (!is_text_) return Event::kBinary;
  if (IsUtf8(payload)) return Event::kText;
  return Fail(WebSocketCode::kBadText, "a text message is not UTF-8");
}

WebSocketReceiver::Event WebSocketReceiver::TakeControl(const WebSocketFrames::Piece& piece,
                                                        ByteView& payload) {
  if (piece.is_first) control_size_ = 0;
  // The frame's size was checked by the library: at most kWebSocketControlMax.
  const size_t count = std::min(piece.data.size(), control_.size() - control_size_);
  std::copy_n(piece.data.begin(), count, control_.begin() + static_cast<ptrdiff_t>(control_size_));
  control_size_ += count;
  if (!piece.is_last) return Event::kHungry;
  payload = ByteView(control_).first(control_size_);
  if (piece.opcode == Number(WebSocketOpcode::kPing)) return Event::kPing;
  if (piece.opcode == Number(WebSocketOpcode::kPong)) return Event::kPong;
  return TakeClose(payload);
}

WebSocketReceiver::Event WebSocketReceiver::TakeClose(ByteView& payload) {
  code_ = WebSocketCode::kNone;
  if (payload.empty()) return Event::kClose;
  ByteReader reader(payload);
  uint16_t code = 0;
  if (!reader.Read(code) || !IsCodeOnWire(code)) {
    return Fail(WebSocketCode::kProtocolError, "a close frame has no valid code");
  }
  payload = reader.rest();
  if (!IsUtf8(payload)) return Fail(WebSocketCode::kBadText, "a close reason is not UTF-8");
  code_ = static_cast<WebSocketCode>(code);
  return Event::kClose;
}

}  // namespace engine
