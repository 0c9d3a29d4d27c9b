// The server's side of one HTTP/1.1 connection.
//
//     idle --first byte--> head --> body --> handling --Respond--> answering --all sent--> idle
//      60 s                10 s     30 s     (no limit)             60 s without progress
//
// One request is handled at a time. Requests sent ahead (pipelining) wait, unread, and are answered
// in order; the next one is looked at when the answer before it has left.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"
#include "engine/http/http_message.h"
#include "engine/http/message_parser.h"

namespace engine {

class HttpServerSession final : public RecordProtocol {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;

    // OnRequest is called once for each request, never before the answer to the one before it has
    // left. The handler calls Respond once, now or later on the same thread. It must not destroy
    // the session inside this call.
    virtual void OnRequest(HttpServerSession& session, HttpRequest request) = 0;
  };

  static constexpr Duration kIdleMax = std::chrono::seconds(60);
  static constexpr Duration kHeadMax = std::chrono::seconds(10);  // A slow drip ends here.
  static constexpr Duration kBodyMax = std::chrono::seconds(30);
  static constexpr Duration kSendStallMax = std::chrono::seconds(60);  // The client does not read.
  // Bytes that wait behind the request in hand. Who sends more is answered what is in hand, and
  // then the connection is closed.
  static constexpr size_t kPipelinedSizeMax = 64 * 1024;

  // Requires: carrier and handler outlive the session.
  HttpServerSession(RecordCarrier& carrier, Handler& handler, Instant now);

  // Respond answers the request in hand. Requires: OnRequest was called and not yet answered.
  void Respond(const HttpResponse& response);

  // Finish takes no further request, and closes the connection behind the answer to the one in
  // hand. So an orderly end without an answer tells a client that its request was not taken.
  void Finish();

  // True while a request is in hand, or its answer has not left.
  bool has_request() const { return state_ == State::kHandling || state_ == State::kAnswering; }

  // Yield lays the session down with the request in hand, which the caller answers in another
  // protocol, and returns the bytes that came behind it. What is left to do is to destroy it, after
  // OnRequest has returned. Requires: as for Respond.
  std::string Yield();

  void Receive(BufferRef plaintext, Instant now) override;
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

 private:
  enum class State : uint8_t { kReading, kHandling, kAnswering, kClosing };

  void Process();
  void SetReadingDeadline(HttpMessageParser::Progress before);
  void Refuse(int status, std::string_view why);
  void Send(std::string bytes);

  RecordCarrier& carrier_;
  Handler& handler_;
  HttpMessageParser parser_;
  State state_ = State::kReading;
  Instant now_;
  Instant deadline_;
  std::string waiting_;  // Received, not parsed yet.
  std::string output_;
  size_t output_sent_ = 0;
  size_t output_gathered_ = 0;
  bool keep_alive_ = true;  // Of the request in hand.
  bool with_body_ = true;   // False for HEAD.
  bool continue_sent_ = false;
};

}  // namespace engine
