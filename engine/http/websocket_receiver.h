// What a WebSocket's peer says: messages put together from their fragments, and the control frames
// that may stand between them (RFC 6455, sections 5.4 and 5.5).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/http/websocket_frames.h"

namespace engine {

// Close codes of RFC 6455, section 7.4.1. kNone and kCut are never on the wire: they stand for a
// close frame without a code, and for an end without a close frame.
enum class WebSocketCode : uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupported = 1003,
  kNone = 1005,
  kCut = 1006,
  kBadText = 1007,
  kPolicy = 1008,
  kTooLarge = 1009,
  kInternal = 1011,
};

class WebSocketReceiver {
 public:
  enum class Event : uint8_t {
    kHungry,  // Feed more.
    kText,
    kBinary,
    kPing,
    kPong,
    kClose,   // close_code() has its code; the payload is the reason.
    kFailed,  // The peer broke a rule: failure() has the code to close with, failure_text() why.
  };

  // Fragments without a byte that one message may have: they cost us time and the sender nothing.
  static constexpr size_t kEmptyFragmentsMax = 16;

  // `side` is ours: a server's peer masks, a client's does not. `frames` outlives the receiver.
  WebSocketReceiver(WebSocketFrames& frames, WebSocketSide side, size_t message_size_max);

  // set_message_size_max takes effect with the next frame.
  void set_message_size_max(size_t size) { message_size_max_ = size; }

  // Feed lends bytes until Next returns kHungry. Requires: it did, or nothing was fed yet.
  void Feed(ByteView bytes) { frames_.Feed(bytes); }

  // Next returns what comes next; `payload` stays until the next call. After kClose and kFailed
  // nothing may be called any more but the three below.
  Event Next(ByteView& payload);

  WebSocketCode close_code() const { return code_; }
  WebSocketCode failure() const { return code_; }
  std::string_view failure_text() const { return failure_text_; }

 private:
  Event Fail(WebSocketCode code, std::string_view why);
  // The three return kHungry where no event is complete.
  Event TakeData(const WebSocketFrames::Piece& piece, ByteView& payload);
  Event TakeControl(const WebSocketFrames::Piece& piece, ByteView& payload);
  Event TakeClose(ByteView& payload);
  // CheckFrame looks at a frame's first piece, and returns false after Fail.
  bool CheckFrame(const WebSocketFrames::Piece& piece);

  WebSocketFrames& frames_;
  const WebSocketSide side_;
  size_t message_size_max_;

  bool in_message_ = false;
  bool is_text_ = false;
  bool is_message_shown_ = false;  // The last event's payload lies in message_.
  size_t empty_count_ = 0;
  std::string message_;
  std::array<std::byte, kWebSocketControlMax> control_;
  size_t control_size_ = 0;

  WebSocketCode code_ = WebSocketCode::kNone;
  std::string_view failure_text_;
};

}  // namespace engine
