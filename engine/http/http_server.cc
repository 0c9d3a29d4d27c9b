#include "engine/http/http_server.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace engine {

using Progress = HttpMessageParser::Progress;

HttpServerSession::HttpServerSession(RecordCarrier& carrier, Handler& handler, Instant now)
    : carrier_(carrier),
      handler_(handler),
      parser_(HttpMessageParser::Kind::kRequest, kHttpRequestBodySizeMax),
      now_(now),
      deadline_(now + kIdleMax) {}

void HttpServerSession::Receive(BufferRef plaintext, Instant now) {
  now_ = now;
  if (state_ == State::kClosing) return;
  const std::string_view bytes = AsText(plaintext.bytes());
  if (state_ != State::kReading && waiting_.size() + bytes.size() > kPipelinedSizeMax) {
    keep_alive_ = false;
    if (state_ == State::kAnswering) {
      state_ = State::kClosing;
      carrier_.CloseAfterOutput();
    }
    return;
  }
  waiting_.append(bytes);
  Process();
}

void HttpServerSession::Process() {
  if (state_ != State::kReading || waiting_.empty()) return;
  const Progress before = parser_.progress();
  waiting_.erase(0, parser_.Consume(waiting_));
  switch (parser_.progress()) {
    case Progress::kFailed:
      Refuse(StatusOf(parser_.error()), Describe(parser_.error()));
      return;
    case Progress::kDone: {
      HttpRequest request = parser_.TakeRequest();
      keep_alive_ = request.keep_alive;
      with_body_ = request.method != "HEAD";
      continue_sent_ = false;
      state_ = State::kHandling;
      deadline_ = Instant::max();
      handler_.OnRequest(*this, std::move(request));
      return;
    }
    default:
      break;
  }
  SetReadingDeadline(before);
  if (parser_.expects_continue() && !continue_sent_) {
    continue_sent_ = true;
    Send("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void HttpServerSession::SetReadingDeadline(Progress before) {
  const Progress now = parser_.progress();
  if (now == before) return;  // More bytes of the same part buy no time.
  if (now == Progress::kHead) deadline_ = now_ + kHeadMax;
  if (now == Progress::kBody) deadline_ = now_ + kBodyMax;
}

void HttpServerSession::Respond(const HttpResponse& response) {
  if (state_ == State::kClosing) return;
  CHECK(state_ == State::kHandling);
  CHECK(response.status >= 200);
  state_ = State::kAnswering;
  deadline_ = now_ + kSendStallMax;
  Send(Serialize(response, keep_alive_, with_body_));
  if (!keep_alive_) {
    state_ = State::kClosing;
    carrier_.CloseAfterOutput();
  }
}

void HttpServerSession::Finish() {
  keep_alive_ = false;
  if (state_ == State::kHandling || state_ == State::kClosing) return;
  waiting_.clear();
  state_ = State::kClosing;
  carrier_.CloseAfterOutput();
}

std::string HttpServerSession::Yield() {
  CHECK(state_ == State::kHandling);
  state_ = State::kClosing;
  return std::exchange(waiting_, {});
}

void HttpServerSession::Refuse(int status, std::string_view why) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::string(why) + "\n";
  waiting_.clear();
  state_ = State::kClosing;
  deadline_ = Instant::max();
  Send(Serialize(response, /*keep_alive=*/false));
  carrier_.CloseAfterOutput();
}

void HttpServerSession::Send(std::string bytes) {
  if (output_sent_ == output_.size()) {
    output_ = std::move(bytes);
    output_sent_ = 0;
  } else {
    output_ += bytes;
  }
  carrier_.OutputReady();
}

size_t HttpServerSession::GatherRecord(std::span<ByteView> slices, Instant now) {
  now_ = now;
  output_gathered_ = std::min(output_.size() - output_sent_, kRecordSizeMax);
  if (output_gathered_ == 0 || slices.empty()) return 0;
  slices[0] = AsBytes(std::string_view(output_).substr(output_sent_, output_gathered_));
  return 1;
}

void HttpServerSession::RecordTaken() {
  output_sent_ += std::exchange(output_gathered_, 0);
  if (state_ == State::kAnswering) deadline_ = now_ + kSendStallMax;
  if (output_sent_ < output_.size()) return;
  output_.clear();
  output_sent_ = 0;
  if (state_ != State::kAnswering) return;
  state_ = State::kReading;
  deadline_ = now_ + kIdleMax;
  Process();
}

Instant HttpServerSession::NextDeadline() const {
  return state_ == State::kClosing ? Instant::max() : deadline_;
}

void HttpServerSession::HandleDeadline(Instant now) {
  now_ = now;
  if (state_ == State::kClosing || now < deadline_) return;
  const Progress progress = parser_.progress();
  if (state_ == State::kReading && (progress == Progress::kHead || progress == Progress::kBody)) {
    Refuse(408, "the request did not arrive in time");
    return;
  }
  state_ = State::kClosing;
  carrier_.CloseAfterOutput();
}

}  // namespace engine
