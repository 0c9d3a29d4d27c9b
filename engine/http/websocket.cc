#include "engine/http/websocket.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/http/websocket_handshake.h"

namespace engine {
namespace {

constexpr size_t kReasonSizeMax = kWebSocketControlMax - sizeof(uint16_t);

// CutText shortens a text to `size_max` bytes, between two characters of UTF-8.
std::string_view CutText(std::string_view text, size_t size_max) {
  if (text.size() <= size_max) return text;
  size_t size = size_max;
  while (size > 0 && static_cast<uint8_t>(text[size]) >> 6 == 2) --size;
  return text.substr(0, size);
}

}  // namespace

WebSocket::WebSocket(RecordCarrier& carrier, Handler& handler, const WebSocketOptions& options,
                     WebSocketSide side, std::string first_output, Instant now)
    : carrier_(carrier),
      handler_(handler),
      options_(options),
      state_(side == WebSocketSide::kServer ? State::kOpen : State::kOpening),
      frames_(side),
      receiver_(frames_, side, options.message_size_max),
      now_(now),
      heard_at_(now),
      phase_deadline_(now + kOpenMax),
      output_(std::move(first_output)) {
  carrier_.OutputReady();
}

WebSocket::WebSocket(RecordCarrier& carrier, Handler& handler, const WebSocketOptions& options,
                     const HttpResponse& answer, Instant now)
    : WebSocket(carrier, handler, options, WebSocketSide::kServer,
                Serialize(answer, /*keep_alive=*/true), now) {
  CHECK(answer.status == 101);
}

WebSocket::WebSocket(RecordCarrier& carrier, Handler& handler, const WebSocketOptions& options,
                     const HttpRequest& request, std::string_view key, Instant now)
    : WebSocket(carrier, handler, options, WebSocketSide::kClient, Serialize(request), now) {
  key_ = key;
  answer_parser_ =
      std::make_unique<HttpMessageParser>(HttpMessageParser::Kind::kResponse, kRefusalSizeMax);
}

void WebSocket::ReceiveBytes(ByteView bytes, Instant now) {
  now_ = now;
  heard_at_ = now;
  pinged_at_.reset();
  if (state_ == State::kOver) return;
  NoteWaiting(now);
  if (state_ == State::kOpening) return ReadAnswer(AsText(bytes));
  receiver_.Feed(bytes);
  Dispatch();
}

void WebSocket::ReadAnswer(std::string_view bytes) {
  bytes.remove_prefix(answer_parser_->Consume(bytes));
  const auto progress = answer_parser_->progress();
  if (progress == HttpMessageParser::Progress::kFailed) {
    return End({.code = WebSocketCode::kProtocolError,
                .text = "the answer to the request for a WebSocket is not valid HTTP/1.1: " +
                        std::string(Describe(answer_parser_->error()))});
  }
  if (progress != HttpMessageParser::Progress::kDone) return;
  const std::string refusal = WebSocketRefusal(answer_parser_->TakeResponse(), key_);
  if (!refusal.empty()) return End({.code = WebSocketCode::kProtocolError, .text = refusal});
  answer_parser_.reset();
  state_ = State::kOpen;
  handler_.OnOpen();
  receiver_.Feed(AsBytes(bytes));
  Dispatch();
}

void WebSocket::Dispatch() {
  using Event = WebSocketReceiver::Event;
  while (state_ != State::kOver) {
    ByteView payload;
    const Event event = receiver_.Next(payload);
    switch (event) {
      case Event::kHungry:
        return;
      case Event::kText:
      case Event::kBinary:
        if (state_ != State::kOpen) break;
        handler_.OnMessage(event == Event::kText ? WebSocketKind::kText : WebSocketKind::kBinary,
                           payload);
        break;
      case Event::kPing:
        if (state_ != State::kOpen) break;
        std::ranges::copy(payload, pong_.begin());
        pong_size_ = payload.size();
        pong_is_due_ = true;
        carrier_.OutputReady();
        break;
      case Event::kPong:
        break;  // It was heard, and that is all it says.
      case Event::kClose:
        return TakeClose(AsText(payload));
      case Event::kFailed:
        AppendClose(receiver_.failure(), receiver_.failure_text());
        return End({.code = receiver_.failure(), .text = std::string(receiver_.failure_text())});
    }
  }
}

void WebSocket::TakeClose(std::string_view reason) {
  const WebSocketCode code = receiver_.close_code();
  if (state_ == State::kOpen) AppendClose(code, "");
  End({.code = code, .text = std::string(reason), .is_peers = true});
}

bool WebSocket::HasRoom(size_t size) {
  if (state_ != State::kOpen) return false;
  if (waiting() + kWebSocketFrameHeaderMax + size <= options_.output_size_max) return true;
  wants_room_ = true;
  return false;
}

bool WebSocket::Send(WebSocketKind kind, ByteView bytes) {
  if (!HasRoom(bytes.size())) return false;
  // What was sent is dropped when it is most of the buffer, so that moving costs each byte once.
  if (output_gathered_ == 0 && output_sent_ > waiting()) {
    output_.erase(0, std::exchange(output_sent_, 0));
  }
  frames_.Append(output_,
                 kind == WebSocketKind::kText ? WebSocketOpcode::kText : WebSocketOpcode::kBinary,
                 bytes);
  carrier_.OutputReady();
  return true;
}

void WebSocket::Close(WebSocketCode code, std::string_view reason, Instant now) {
  if (state_ == State::kOpening) return End({.code = code, .text = std::string(reason)});
  if (state_ != State::kOpen) return;
  AppendClose(code, reason);
  state_ = State::kCloseSent;
  phase_deadline_ = now + kCloseMax;
  carrier_.OutputReady();
}

void WebSocket::AppendClose(WebSocketCode code, std::string_view reason) {
  if (state_ != State::kOpen) return;  // The last word was said.
  std::string payload;
  if (code != WebSocketCode::kNone) {
    payload.resize(sizeof(uint16_t));
    StoreBig(reinterpret_cast<std::byte*>(payload.data()), static_cast<uint16_t>(code));
    payload += CutText(reason, kReasonSizeMax);
  }
  AppendControl();
  frames_.Append(output_, WebSocketOpcode::kClose, AsBytes(payload));
}

void WebSocket::AppendControl() {
  if (std::exchange(pong_is_due_, false)) {
    frames_.Append(output_, WebSocketOpcode::kPong, ByteView(pong_).first(pong_size_));
  }
  if (std::exchange(ping_is_due_, false)) {
    frames_.Append(output_, WebSocketOpcode::kPing, {});
  }
}

void WebSocket::End(WebSocketEnd end) {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  carrier_.OutputReady();
  carrier_.CloseAfterOutput();
  handler_.OnClosed(end);
}

void WebSocket::HandleEnd(std::string_view text) {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  handler_.OnClosed({.code = WebSocketCode::kCut, .text = std::string(text)});
}

size_t WebSocket::GatherRecord(std::span<ByteView> slices, Instant now) {
  now_ = now;
  if (slices.empty()) return 0;
  // Control frames go where a frame ends; a peer that does not read gets no more of them than fit.
  if (state_ == State::kOpen && waiting() <= options_.output_size_max) AppendControl();
  NoteWaiting(now);
  output_gathered_ = std::min(waiting(), kRecordSizeMax);
  if (output_gathered_ == 0) return 0;
  slices[0] = AsBytes(std::string_view(output_).substr(output_sent_, output_gathered_));
  return 1;
}

void WebSocket::RecordTaken() {
  output_sent_ += std::exchange(output_gathered_, 0);
  stalled_since_.reset();
  if (waiting() == 0) {
    output_.clear();
    output_sent_ = 0;
  }
  NoteWaiting(now_);
  if (wants_room_ && waiting() <= options_.output_size_max / 2) {
    wants_room_ = false;
    if (state_ == State::kOpen) handler_.OnRoom();
  }
}

void WebSocket::NoteWaiting(Instant now) {
  if (waiting() > 0 && !stalled_since_.has_value()) stalled_since_ = now;
}

Instant WebSocket::NextDeadline() const {
  switch (state_) {
    case State::kOver:
      return Instant::max();
    case State::kOpening:
    case State::kCloseSent:
      return phase_deadline_;
    case State::kOpen:
      break;
  }
  const Instant answer = pinged_at_.has_value() ? *pinged_at_ + options_.answer_max
                                                : heard_at_ + options_.ping_interval;
  return stalled_since_.has_value() ? std::min(answer, *stalled_since_ + kStallMax) : answer;
}

void WebSocket::HandleDeadline(Instant now) {
  now_ = now;
  if (now < NextDeadline()) return;
  if (state_ == State::kOpening) {
    return End({.text = "the server did not answer the request for a WebSocket within 10 s"});
  }
  if (state_ == State::kCloseSent) {
    return End({.text = "the other side did not answer the close frame"});
  }
  if (stalled_since_.has_value() && now >= *stalled_since_ + kStallMax) {
    carrier_.GiveUpPeer();
    return End({.text = "the other side has read nothing for a minute"});
  }
  if (pinged_at_.has_value()) {
    carrier_.GiveUpPeer();
    return End({.text = "the other side is silent, and did not answer a ping"});
  }
  pinged_at_ = now;
  ping_is_due_ = true;
  carrier_.OutputReady();
}

}  // namespace engine
