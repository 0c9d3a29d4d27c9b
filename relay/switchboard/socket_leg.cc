#include "relay/switchboard/socket_leg.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/check.h"

namespace relay {

using engine::CloseMode;
using engine::Handler;
using engine::IoError;

SocketLeg::SocketLeg(engine::Loop& loop, engine::DetachedSocket detached)
    : loop_(loop),
      socket_(detached.socket),
      unread_(std::move(detached.unread)),
      receive_op_(Handler<engine::Received>::To<&SocketLeg::OnReceived>(this)),
      send_op_(Handler<engine::Sent>::To<&SocketLeg::OnSent>(this)),
      retry_op_(Handler<engine::Fired>::To<&SocketLeg::OnRetry>(this)),
      close_op_(Handler<engine::Closed>::To<&SocketLeg::OnClosed>(this)) {
  std::ranges::reverse(unread_);
}

SocketLeg::~SocketLeg() { CHECK(!socket_.valid()); }

void SocketLeg::Pull() {
  if (ended_ || closing_ || receive_op_.in_flight() || retry_op_.in_flight()) return;
  if (unread_.empty()) return loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  engine::BufferRef bytes = std::move(unread_.back());
  unread_.pop_back();
  events_->OnBytes(*this, std::move(bytes));
}

void SocketLeg::OnReceived(engine::Received outcome) {
  if (closing_) return Continue();
  switch (outcome.error) {
    case IoError::kNone:
      return events_->OnBytes(*this, std::move(outcome.data));
    case IoError::kNoBuffers:
      return loop_.StartTimer(retry_op_, loop_.Now() + engine::SecureConnection::kNoBuffersPause);
    case IoError::kEndOfStream:
      ended_ = true;
      events_->OnFinished(*this);
      return CloseIfDone();
    default:
      return Close(CloseMode::kReset, "was lost");
  }
}

void SocketLeg::OnRetry(engine::Fired) {
  if (closing_) return Continue();
  Pull();
}

void SocketLeg::Push(engine::BufferRef bytes) {
  CHECK(has_room());
  CHECK(!finishing_);
  if (closing_) return;
  waiting_.Push(std::move(bytes));
  StartSend();
}

void SocketLeg::StartSend() {
  if (closing_ || send_op_.in_flight() || waiting_.empty()) return;
  static_assert(kWaitingMax <= engine::kSendSlicesMax);
  std::array<engine::ByteView, kWaitingMax> slices;
  sending_count_ = waiting_.size();
  for (size_t i = 0; i < sending_count_; ++i) slices[i] = waiting_[i].bytes();
  loop_.Send(send_op_, socket_, std::span(slices).first(sending_count_), engine::SendMode::kCopy);
}

void SocketLeg::OnSent(engine::Sent outcome) {
  if (closing_) return Continue();
  if (outcome.error != IoError::kNone) return Close(CloseMode::kReset, "was lost");
  const bool had_room = has_room();
  for (size_t i = 0; i < sending_count_; ++i) waiting_.Pop();
  StartSend();
  if (!had_room) events_->OnRoom(*this);
  ShutIfSent();
}

void SocketLeg::Finish() {
  finishing_ = true;
  ShutIfSent();
}

void SocketLeg::ShutIfSent() {
  if (closing_ || !finishing_ || finished_ || !waiting_.empty()) return;
  finished_ = true;
  loop_.Shutdown(socket_, engine::ShutdownSide::kSend);
  CloseIfDone();
}

void SocketLeg::CloseIfDone() {
  if (ended_ && finished_) Close(CloseMode::kOrderly, "was closed");
}

void SocketLeg::Cut() { Close(CloseMode::kReset, "was cut"); }

void SocketLeg::Close(CloseMode mode, std::string why) {
  if (closing_) return;
  closing_ = true;
  close_mode_ = mode;
  why_ = std::move(why);
  unread_.clear();
  loop_.Cancel(receive_op_);
  loop_.Cancel(send_op_);
  loop_.Cancel(retry_op_);
  Continue();
}

void SocketLeg::Continue() {
  if (receive_op_.in_flight() || send_op_.in_flight() || retry_op_.in_flight()) return;
  if (!close_op_.in_flight()) loop_.Close(close_op_, socket_, close_mode_);
}

void SocketLeg::OnClosed(engine::Closed) {
  socket_ = {};
  waiting_.Clear();
  events_->OnGone(*this, why_);  // Last: it may destroy this.
}

}  // namespace relay
