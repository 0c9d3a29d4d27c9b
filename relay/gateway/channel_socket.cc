#include "relay/gateway/channel_socket.h"

#include <algorithm>
#include <utility>

#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/http/websocket_frames.h"

namespace relay {

using engine::ByteView;
using engine::Instant;
using engine::WebSocketCode;
using engine::WebSocketKind;

namespace {

// The largest message that comes in may go out again as it is; and a last word.
constexpr size_t kOutputSizeMax =
    engine::datachannel::kAgentMessageSizeMax + engine::kWebSocketFrameHeaderMax;
static_assert(kOutputSizeMax >= 2 * engine::datachannel::kChannelClosedSizeMax);

engine::WebSocketOptions Options() {
  engine::WebSocketOptions options;
  options.message_size_max = engine::datachannel::kOpenDataChannelSizeMax;
  options.output_size_max = kOutputSizeMax;
  return options;
}

}  // namespace

ChannelSocket::ChannelSocket(engine::RecordCarrier& carrier, Owner& owner,
                             const engine::HttpResponse& answer, Instant now)
    : owner_(owner),
      socket_(carrier, *this, Options(), answer, now),
      now_(now),
      open_by_(now + kOpenMax) {}

void ChannelSocket::ReceiveBytes(ByteView bytes, Instant now) {
  now_ = now;
  socket_.ReceiveBytes(bytes, now);
  HandOver();
}

void ChannelSocket::OnMessage(WebSocketKind kind, ByteView bytes) {
  if (is_closing_) return;
  if (!is_opened_) return TakeOpening(kind, bytes);
  if (kind != WebSocketKind::kBinary) {
    socket_.Close(WebSocketCode::kUnsupported, "messages of a data channel are binary", now_);
    return;
  }
  received_.Add(bytes);
}

void ChannelSocket::TakeOpening(WebSocketKind kind, ByteView bytes) {
  is_opened_ = true;
  socket_.set_message_size_max(engine::datachannel::kAgentMessageSizeMax);
  if (kind == WebSocketKind::kText && owner_.OnOpening(engine::AsText(bytes))) return;
  is_opened_ = false;
  socket_.Close(WebSocketCode::kPolicy, "the first message does not open a channel", now_);
}

void ChannelSocket::HandOver() {
  if (received_.empty() || is_closed_) return;
  untaken_ += received_.weight();
  owner_.OnMessages(std::exchange(received_, {}));
  if (untaken_ > kUntakenMax && !std::exchange(is_held_, true)) owner_.HoldInput(true);
}

void ChannelSocket::Taken(size_t weight) {
  untaken_ -= std::min(untaken_, weight);
  if (untaken_ <= kUntakenMax / 2 && std::exchange(is_held_, false)) owner_.HoldInput(false);
}

void ChannelSocket::Deliver(MessageBatch batch) {
  if (is_closed_ || batch.empty()) return;
  waiting_.push_back(std::move(batch));
  SendWaiting();
}

void ChannelSocket::SendWaiting() {
  size_t sent = 0;
  while (!waiting_.empty()) {
    if (!reader_.has_value()) reader_.emplace(waiting_.front());
    const ByteView message = reader_->front();
    if (!socket_.Send(WebSocketKind::kBinary, message)) break;
    sent += message.size();
    reader_->Pop();
    if (!reader_->done()) continue;
    reader_.reset();
    waiting_.pop_front();
  }
  if (sent > 0) owner_.OnSent(sent);
  if (is_closing_ && waiting_.empty()) socket_.Close(WebSocketCode::kNormal, "", now_);
}

void ChannelSocket::Close() {
  is_closing_ = true;
  SendWaiting();
}

void ChannelSocket::OnClosed(const engine::WebSocketEnd& end) {
  is_closed_ = true;
  reader_.reset();
  waiting_.clear();
  owner_.OnChannelClosed(end.text);
}

size_t ChannelSocket::GatherRecord(std::span<ByteView> slices, Instant now) {
  now_ = now;
  return socket_.GatherRecord(slices, now);
}

Instant ChannelSocket::NextDeadline() const {
  return is_opened_ || is_closed_ ? socket_.NextDeadline()
                                  : std::min(open_by_, socket_.NextDeadline());
}

void ChannelSocket::HandleDeadline(Instant now) {
  now_ = now;
  if (!is_opened_ && now >= open_by_) {
    open_by_ = Instant::max();
    socket_.Close(WebSocketCode::kPolicy, "the first message did not come in time", now);
    return;
  }
  socket_.HandleDeadline(now);
}

}  // namespace relay
