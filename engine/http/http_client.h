// The client's side of one HTTP/1.1 connection that carries one request.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"
#include "engine/http/http_message.h"
#include "engine/http/message_parser.h"

namespace engine {

// HttpFailure says why there is no response.
enum class HttpFailure : uint8_t {
  kTimeout,    // No complete response in time.
  kBadAnswer,  // The response breaks HTTP or a limit of ours; `error` says which.
  kEnded,      // The connection ended before the response was complete.
};

class HttpClientSession final : public RecordProtocol {
 public:
  // Exactly one of the two is called, once, as the last thing the session does; the session may be
  // destroyed after the call that led to it has returned, not inside it.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnResponse(HttpResponse response) = 0;
    virtual void OnFailure(HttpFailure failure, HttpError error) = 0;
  };

  static constexpr Duration kAnswerMax = std::chrono::seconds(30);
  // Informational responses (1xx) that are skipped; more of them is a kBadAnswer.
  static constexpr size_t kInterimCountMax = 8;

  // The request is sent with "Connection: close" as soon as the carrier gathers.
  // Requires: carrier and handler outlive the session.
  HttpClientSession(RecordCarrier& carrier, Handler& handler, HttpRequest request, Instant now,
                    Duration answer_max = kAnswerMax);

  // HandleEnd says that the connection is over. An orderly end completes a response that has no
  // length; otherwise, and when no response was delivered yet, it is OnFailure(kEnded).
  enum class End : uint8_t { kOrderly, kCut };
  void HandleEnd(End end);

  bool done() const { return done_; }

  void Receive(BufferRef plaintext, Instant now) override;
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

 private:
  void Deliver();
  void Fail(HttpFailure failure, HttpError error);

  RecordCarrier& carrier_;
  Handler& handler_;
  HttpMessageParser parser_;
  const Instant deadline_;
  std::string output_;
  size_t output_sent_ = 0;
  size_t output_gathered_ = 0;
  size_t interim_count_ = 0;
  bool done_ = false;
};

// Describe returns a sentence for people.
std::string_view Describe(HttpFailure failure);

}  // namespace engine
