// Frames of a WebSocket (RFC 6455, section 5): foreign bytes to pieces of frames, and back. This is
// the door to wslay, which knows lengths and masks; what frames mean in a row is
// websocket_receiver.h's.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/bytes.h"

namespace engine {

enum class WebSocketSide : uint8_t { kServer, kClient };

enum class WebSocketOpcode : uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

inline constexpr size_t kWebSocketControlMax = 125;     // Payload of close, ping and pong.
inline constexpr size_t kWebSocketFrameHeaderMax = 14;  // Two bytes, eight of length, four of mask.

class WebSocketFrames {
 public:
  // Piece is a part of one frame's payload, unmasked; a frame without payload is one empty piece.
  struct Piece {
    uint8_t opcode = 0;    // As received: it may be none of WebSocketOpcode.
    uint8_t reserved = 0;  // The three bits that extensions would use.
    bool is_masked = false;
    bool is_final = false;    // The frame is the last one of its message.
    bool is_first = false;    // The piece is the first one of its frame ...
    bool is_last = false;     // ... and the last one.
    uint64_t frame_size = 0;  // Of the frame's whole payload, below 2^63.
    ByteView data;            // Until the next call.
  };
  enum class Result : uint8_t {
    kPiece,
    kHungry,  // Feed more.
    kBroken,  // No frame looks like this; nothing more can be read.
  };

  // `side` is ours: clients mask what they write, servers do not.
  explicit WebSocketFrames(WebSocketSide side);
  ~WebSocketFrames();
  WebSocketFrames(const WebSocketFrames&) = delete;
  WebSocketFrames& operator=(const WebSocketFrames&) = delete;

  // Feed lends the next bytes until Next returns kHungry. Requires: it did, or nothing was fed yet.
  void Feed(ByteView bytes);

  Result Next(Piece& out);

  // Append writes one whole frame of one whole message.
  // Requires: at most kWebSocketControlMax bytes for close, ping and pong.
  void Append(std::string& out, WebSocketOpcode opcode, ByteView payload);

 private:
  struct Library;  // wslay's state and callbacks.

  const WebSocketSide side_;
  std::unique_ptr<Library> library_;
  uint64_t taken_ = 0;  // Of the payload of the frame in hand.
  bool in_frame_ = false;
};

}  // namespace engine
