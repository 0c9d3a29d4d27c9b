// The client's side of one HTTP/1.1 connection: one request after another.
//
//     idle --Ask--> asking --the answer--> idle, or over when either side does not go on
//     5 s           30 s

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
  // Exactly one of the two is called, once for each Ask, as the last thing the session does then;
  // the next Ask may come from inside it. The session may be destroyed after the call that led to
  // it has returned, not inside it.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnResponse(HttpResponse response) = 0;
    virtual void OnFailure(HttpFailure failure, HttpError error) = 0;
  };

  static constexpr Duration kAnswerMax = std::chrono::seconds(30);
  // How long a connection is kept for the next request. Less than servers wait, so that a request
  // seldom meets the end of its connection.
  static constexpr Duration kIdleMax = std::chrono::seconds(5);
  // Informational responses (1xx) that are skipped; more of them is a kBadAnswer.
  static constexpr size_t kInterimCountMax = 8;

  // Requires: carrier and handler outlive the session.
  HttpClientSession(RecordCarrier& carrier, Handler& handler);

  // Ask sends the request as soon as the carrier gathers. Without `keep_alive` it says so, and
  // closes the carrier behind the answer. Requires: idle().
  void Ask(const HttpRequest& request, Instant now, Duration answer_max = kAnswerMax);

  // HandleEnd says that the connection is over. An orderly end completes a response that has no
  // length; otherwise, and when no response was delivered yet, it is OnFailure(kEnded).
  enum class End : uint8_t { kOrderly, kCut };
  void HandleEnd(End end);

  bool idle() const { return state_ == State::kIdle; }
  // Whether a byte came since Ask.
  bool heard_answer() const { return heard_answer_; }

  void Receive(BufferRef plaintext, Instant now) override;
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

 private:
  enum class State : uint8_t { kIdle, kAsking, kOver };

  // Deliver returns true for an informational response. What comes behind an answer was not asked
  // for, and ends the connection.
  bool Deliver(bool is_last_byte, Instant now);
  void Fail(HttpFailure failure, HttpError error);
  void Finish();

  RecordCarrier& carrier_;
  Handler& handler_;
  HttpMessageParser parser_;
  State state_ = State::kIdle;
  Instant deadline_ = Instant::max();
  std::string output_;
  size_t output_sent_ = 0;
  size_t output_gathered_ = 0;
  size_t interim_count_ = 0;
  bool keep_alive_ = false;  // What the request in hand asks for.
  bool heard_answer_ = false;
};

// Describe returns a sentence for people.
std::string_view Describe(HttpFailure failure);

}  // namespace engine
