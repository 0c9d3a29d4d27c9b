#include "engine/http/http_client.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace engine {

using Progress = HttpMessageParser::Progress;

HttpClientSession::HttpClientSession(RecordCarrier& carrier, Handler& handler)
    : carrier_(carrier),
      handler_(handler),
      parser_(HttpMessageParser::Kind::kResponse, kHttpResponseBodySizeMax) {}

void HttpClientSession::Ask(const HttpRequest& request, Instant now, Duration answer_max) {
  CHECK(idle());
  state_ = State::kAsking;
  keep_alive_ = request.keep_alive;
  deadline_ = now + answer_max;
  output_ = Serialize(request);
  output_sent_ = 0;
  interim_count_ = 0;
  heard_answer_ = false;
  carrier_.OutputReady();
}

void HttpClientSession::Receive(BufferRef plaintext, Instant now) {
  std::string_view bytes = AsText(plaintext.bytes());
  if (state_ == State::kIdle) return Finish();
  while (state_ == State::kAsking && !bytes.empty()) {
    heard_answer_ = true;
    bytes.remove_prefix(parser_.Consume(bytes));
    if (parser_.progress() == Progress::kFailed) {
      return Fail(HttpFailure::kBadAnswer, parser_.error());
    }
    if (parser_.progress() == Progress::kDone) {
      const bool is_interim = Deliver(bytes.empty(), now);
      if (!is_interim) return;
    }
  }
}

bool HttpClientSession::Deliver(bool is_last_byte, Instant now) {
  HttpResponse response = parser_.TakeResponse();
  if (response.status < 200) {
    const bool switches = response.status == 101;  // Nothing was asked for that it could mean.
    if (switches || ++interim_count_ > kInterimCountMax) {
      Fail(HttpFailure::kBadAnswer, HttpError::kMalformed);
    }
    return true;
  }
  const bool was_sent = output_sent_ == output_.size();
  if (keep_alive_ && response.keep_alive && is_last_byte && was_sent) {
    state_ = State::kIdle;
    deadline_ = now + kIdleMax;
  } else {
    Finish();
  }
  handler_.OnResponse(std::move(response));
  return false;
}

void HttpClientSession::Fail(HttpFailure failure, HttpError error) {
  if (state_ != State::kAsking) return;
  Finish();
  handler_.OnFailure(failure, error);
}

void HttpClientSession::Finish() {
  state_ = State::kOver;
  carrier_.CloseAfterOutput();
}

void HttpClientSession::HandleEnd(End end) {
  if (state_ != State::kAsking) {
    state_ = State::kOver;
    return;
  }
  keep_alive_ = false;
  if (end == End::kOrderly) {
    parser_.HandleEnd();
    if (parser_.progress() == Progress::kDone) Deliver(true, Instant::max());
  }
  Fail(HttpFailure::kEnded, HttpError::kTruncated);
}

size_t HttpClientSession::GatherRecord(std::span<ByteView> slices, Instant /*now*/) {
  output_gathered_ = std::min(output_.size() - output_sent_, kRecordSizeMax);
  if (output_gathered_ == 0 || slices.empty()) return 0;
  slices[0] = AsBytes(std::string_view(output_).substr(output_sent_, output_gathered_));
  return 1;
}

void HttpClientSession::RecordTaken() { output_sent_ += std::exchange(output_gathered_, 0); }

Instant HttpClientSession::NextDeadline() const {
  return state_ == State::kOver ? Instant::max() : deadline_;
}

void HttpClientSession::HandleDeadline(Instant now) {
  if (state_ == State::kOver || now < deadline_) return;
  if (state_ == State::kIdle) return Finish();
  Fail(HttpFailure::kTimeout, HttpError::kNone);
}

std::string_view Describe(HttpFailure failure) {
  switch (failure) {
    case HttpFailure::kTimeout:
      return "no complete answer came in time";
    case HttpFailure::kBadAnswer:
      return "the answer is not valid HTTP/1.1";
    case HttpFailure::kEnded:
      return "the connection ended before the answer was complete";
  }
  return "unknown failure";
}

}  // namespace engine
