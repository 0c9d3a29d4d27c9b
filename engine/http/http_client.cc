#include "engine/http/http_client.h"

#include <algorithm>
#include <utility>

namespace engine {

using Progress = HttpMessageParser::Progress;

HttpClientSession::HttpClientSession(RecordCarrier& carrier, Handler& handler, HttpRequest request,
                                     Instant now, Duration answer_max)
    : carrier_(carrier),
      handler_(handler),
      parser_(HttpMessageParser::Kind::kResponse, kHttpResponseBodySizeMax),
      deadline_(now + answer_max) {
  request.keep_alive = false;
  output_ = Serialize(request);
  carrier_.OutputReady();
}

void HttpClientSession::Receive(BufferRef plaintext, Instant /*now*/) {
  std::string_view bytes = AsText(plaintext.bytes());
  while (!done_ && !bytes.empty()) {
    bytes.remove_prefix(parser_.Consume(bytes));
    if (parser_.progress() == Progress::kFailed) Fail(HttpFailure::kBadAnswer, parser_.error());
    if (parser_.progress() == Progress::kDone) Deliver();
  }
}

void HttpClientSession::Deliver() {
  HttpResponse response = parser_.TakeResponse();
  if (response.status < 200) {
    const bool switches = response.status == 101;  // Nothing was asked for that it could mean.
    if (switches || ++interim_count_ > kInterimCountMax) {
      Fail(HttpFailure::kBadAnswer, HttpError::kMalformed);
    }
    return;
  }
  done_ = true;
  carrier_.CloseAfterOutput();
  handler_.OnResponse(std::move(response));
}

void HttpClientSession::Fail(HttpFailure failure, HttpError error) {
  if (done_) return;
  done_ = true;
  carrier_.CloseAfterOutput();
  handler_.OnFailure(failure, error);
}

void HttpClientSession::HandleEnd(End end) {
  if (done_) return;
  if (end == End::kOrderly) {
    parser_.HandleEnd();
    if (parser_.progress() == Progress::kDone) Deliver();
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

Instant HttpClientSession::NextDeadline() const { return done_ ? Instant::max() : deadline_; }

void HttpClientSession::HandleDeadline(Instant now) {
  if (now >= deadline_) Fail(HttpFailure::kTimeout, HttpError::kNone);
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
