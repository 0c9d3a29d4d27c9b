// A channel as a connection: a WebSocket whose first message says whose it is. A client's data
// channel names its token there, and so does an agent.
//
//     kOpening --first message----> kOpen --Close, Refuse, a broken rule--> kClosed
//         | 10 s
//         v
//       kClosed

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "engine/buffer/record_protocol.h"
#include "engine/http/http_message.h"
#include "engine/http/websocket.h"
#include "relay/gateway/message_batch.h"

namespace relay {

class ChannelSocket final : public engine::RecordProtocol, private engine::WebSocket::Handler {
 public:
  // Owner must not destroy the socket in these.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The first message came, once: whose channel it is. False: it does not say so.
    virtual bool OnOpening(std::string_view json) = 0;
    // Messages since the last call, some after OnOpening. Call Taken with their weight when they
    // are done with: while more than kUntakenMax is not, HoldInput is asked for.
    virtual void OnMessages(MessageBatch batch) = 0;
    // So many bytes of what was delivered are handed to the connection.
    virtual void OnSent(size_t size) = 0;
    virtual void HoldInput(bool is_held) = 0;
    // No further message comes.
    virtual void OnChannelClosed(std::string_view why) = 0;
  };

  static constexpr engine::Duration kOpenMax = std::chrono::seconds(10);
  static constexpr size_t kUntakenMax = 256 * 1024;

  // `answer` opens the WebSocket: see WebSocket.
  ChannelSocket(engine::RecordCarrier& carrier, Owner& owner, const engine::HttpResponse& answer,
                engine::Instant now);

  // ReceiveBytes takes what came behind the request.
  void ReceiveBytes(engine::ByteView bytes, engine::Instant now);

  void Deliver(MessageBatch batch);
  void Taken(size_t weight);
  // Close ends it after all that was delivered.
  void Close();
  // HandleEnd says that the connection is over.
  void HandleEnd(std::string_view text) { socket_.HandleEnd(text); }

  void Receive(engine::BufferRef plaintext, engine::Instant now) override {
    ReceiveBytes(plaintext.bytes(), now);
  }
  size_t GatherRecord(std::span<engine::ByteView> slices, engine::Instant now) override;
  void RecordTaken() override { socket_.RecordTaken(); }
  engine::Instant NextDeadline() const override;
  void HandleDeadline(engine::Instant now) override;

 private:
  void OnMessage(engine::WebSocketKind kind, engine::ByteView bytes) override;
  void OnRoom() override { SendWaiting(); }
  void OnClosed(const engine::WebSocketEnd& end) override;

  void TakeOpening(engine::WebSocketKind kind, engine::ByteView bytes);
  void HandOver();
  void SendWaiting();

  Owner& owner_;
  engine::WebSocket socket_;
  engine::Instant now_;
  engine::Instant open_by_;
  bool is_opened_ = false;
  bool is_closing_ = false;
  bool is_closed_ = false;
  bool is_held_ = false;
  size_t untaken_ = 0;
  MessageBatch received_;
  std::deque<MessageBatch> waiting_;   // At most what a session leaves unsent ...
  std::optional<BatchReader> reader_;  // ... and where in the first of them.
};

}  // namespace relay
