// One WebSocket (RFC 6455) on one connection, either side, after or with its handshake.
//
//     server: 101 queued --------------------------+
//     client: kOpening --101 that belongs to it--> kOpen --Close--> kCloseSent --peer's close-->
//     kOver
//                                                    +--close, a broken rule, silence--------->
//                                                    kOver
//
// Everything is bounded: a message received by message_size_max, what waits to be sent by
// output_size_max, and of the peer's pings only the newest that is not answered is remembered, so
// that no peer can make us store pongs (RFC 6455, section 5.5.3, allows it).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"
#include "engine/http/http_message.h"
#include "engine/http/message_parser.h"
#include "engine/http/websocket_frames.h"
#include "engine/http/websocket_receiver.h"

namespace engine {

enum class WebSocketKind : uint8_t { kText, kBinary };

struct WebSocketOptions {
  size_t message_size_max = 128 * 1024;  // Of one message received.
  size_t output_size_max = 64 * 1024;    // Frames that wait to be sent.
  // After so much silence the peer is pinged; without a byte for answer_max more it is given up.
  Duration ping_interval = std::chrono::seconds(30);
  Duration answer_max = std::chrono::seconds(30);
};

// WebSocketEnd says how it ended. `text` is the peer's reason, or ours, for people.
struct WebSocketEnd {
  WebSocketCode code = WebSocketCode::kCut;
  std::string text;
  bool is_peers = false;  // The peer closed it, by a close frame.
};

class WebSocket final : public RecordProtocol {
 public:
  // Handler may call Send and Close in each of these, and must not destroy the WebSocket in them.
  class Handler {
   public:
    virtual ~Handler() = default;
    // The client's handshake is done. Send may be called.
    virtual void OnOpen() {}
    // `bytes` stay until the call returns. Text is UTF-8.
    virtual void OnMessage(WebSocketKind kind, ByteView bytes) = 0;
    // After HasRoom or Send returned false: at most half of output_size_max waits now.
    virtual void OnRoom() {}
    // The last call, once.
    virtual void OnClosed(const WebSocketEnd& end) = 0;
  };

  static constexpr Duration kOpenMax = std::chrono::seconds(10);   // The client's handshake.
  static constexpr Duration kCloseMax = std::chrono::seconds(2);   // For the peer's close frame.
  static constexpr Duration kStallMax = std::chrono::seconds(60);  // The peer does not read.
  // Of a refusal that comes instead of a WebSocket, the most that is read of its body.
  static constexpr size_t kRefusalSizeMax = 16 * 1024;

  // The server's side: `answer` is what AnswerWebSocket returned, with status 101. Pass what came
  // behind the request to ReceiveBytes. Requires: carrier and handler outlive the WebSocket.
  WebSocket(RecordCarrier& carrier, Handler& handler, const WebSocketOptions& options,
            const HttpResponse& answer, Instant now);

  // The client's side: `request` is what WebSocketRequest returned for `key`.
  WebSocket(RecordCarrier& carrier, Handler& handler, const WebSocketOptions& options,
            const HttpRequest& request, std::string_view key, Instant now);

  bool open() const { return state_ == State::kOpen; }
  void set_message_size_max(size_t size) { receiver_.set_message_size_max(size); }

  // HasRoom says whether Send takes a message of that size now. False: it is not open, or the
  // message does not fit into output_size_max beside what waits; OnRoom follows in the second case.
  // A message that is larger than that alone never fits.
  bool HasRoom(size_t size);

  // Send queues one message, or returns false as HasRoom does, and nothing is queued.
  bool Send(WebSocketKind kind, ByteView bytes);

  // Close says the last word after everything that is queued, and waits kCloseMax for the peer's.
  // Messages that arrive from now on are dropped. A reason is cut to what a frame holds.
  void Close(WebSocketCode code, std::string_view reason, Instant now);

  // HandleEnd says that the connection is over: OnClosed(kCut), unless it was called already.
  void HandleEnd(std::string_view text);

  void ReceiveBytes(ByteView bytes, Instant now);

  void Receive(BufferRef plaintext, Instant now) override { ReceiveBytes(plaintext.bytes(), now); }
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

 private:
  enum class State : uint8_t { kOpening, kOpen, kCloseSent, kOver };

  WebSocket(RecordCarrier& carrier, Handler& handler, const WebSocketOptions& options,
            WebSocketSide side, std::string first_output, Instant now);

  void ReadAnswer(std::string_view bytes);
  void Dispatch();
  void TakeClose(std::string_view reason);
  void AppendClose(WebSocketCode code, std::string_view reason);
  void AppendControl();
  void End(WebSocketEnd end);
  size_t waiting() const { return output_.size() - output_sent_; }
  void NoteWaiting(Instant now);

  RecordCarrier& carrier_;
  Handler& handler_;
  const WebSocketOptions options_;
  State state_;
  WebSocketFrames frames_;
  WebSocketReceiver receiver_;
  std::unique_ptr<HttpMessageParser> answer_parser_;  // While kOpening.
  std::string key_;

  Instant now_;
  Instant heard_at_;
  std::optional<Instant> pinged_at_;  // The first ping since anything was heard.
  Instant phase_deadline_;            // Of kOpening and kCloseSent.
  std::optional<Instant> stalled_since_;

  std::string output_;  // Whole frames, from output_sent_ on.
  size_t output_sent_ = 0;
  size_t output_gathered_ = 0;
  bool wants_room_ = false;
  bool ping_is_due_ = false;
  bool pong_is_due_ = false;
  std::array<std::byte, kWebSocketControlMax> pong_;
  size_t pong_size_ = 0;
};

}  // namespace engine
