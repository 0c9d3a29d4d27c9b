// What time brings to a session of the gateway: its deadlines, and its end.

#include <algorithm>
#include <utility>

#include "engine/datachannel/agent_message.h"
#include "relay/gateway/channel_closed.h"
#include "relay/gateway/gateway_session.h"

namespace relay {

using engine::Instant;

// --------------------------------------------------------------------- the end

void GatewaySession::End(std::string text) {
  const std::string reason = text;
  BeginEnd(Farewell::Cause::kFromElsewhere, std::move(text), reason);
}

void GatewaySession::Finish(std::string output, std::string_view reason) {
  BeginEnd(Farewell::Cause::kItsOwn, std::move(output), reason);
}

void GatewaySession::BeginEnd(Farewell::Cause cause, std::string output, std::string_view reason) {
  if (state_ == State::kEnding || state_ == State::kOver) return;
  state_ = State::kEnding;
  farewell_.Begin(cause, std::move(output), reason, connection_ != nullptr,
                  channel_.sender().count(), now_);
  runner_.Wake();
}

void GatewaySession::SayLastWord() {
  state_ = State::kOver;
  if (connection_ != nullptr) {
    MessageBatch batch;
    batch.Add(engine::AsBytes(
        ChannelClosedMessage(grant_.session_id, grant_.node_id, farewell_.output(), exit_)));
    connection_->Deliver(std::move(batch));
    connection_->Close();
  }
  runner_.OnOver(farewell_.reason());
}

// ------------------------------------------------------------------- running it

void GatewaySession::Run(Instant now) {
  now_ = now;
  if (state_ == State::kOver) return;
  HandleDeadlines();
  if (std::exchange(input_may_go_on_, false)) channel_.Retry();
  const bool is_open = state_ == State::kProving || state_ == State::kRunning;
  if (is_conduit_started_ && is_open) conduit_->PumpOutput();
  SendMessages();
  if (state_ != State::kEnding) return;
  farewell_.Drained(channel_.sender().count(), now);
  // Without a client nobody hears the rest, unless he comes back for it.
  const bool is_said = connection_ != nullptr ? channel_.drained() : channel_.sender().empty();
  if (farewell_.IsDue(is_said, now)) SayLastWord();
}

void GatewaySession::HandleDeadlines() {
  using Cause = Farewell::Cause;
  if (channel_.NextDeadline() <= now_) channel_.HandleDeadline(now_);
  if (is_shaking_hands() && now_ >= handshake_.deadline()) {
    Finish(std::string(kHandshakeTimedOut), "The client did not answer the handshake.");
  }
  if (state_ != State::kRunning && !is_shaking_hands()) return;
  if (conduit_ != nullptr && is_conduit_started_) conduit_->HandleDeadline(now_);
  if (channel_.sender().undeliverable()) {
    return BeginEnd(Cause::kFromElsewhere, {}, "The client acknowledged nothing for five minutes.");
  }
  if (now_ >= IdleDeadline()) {
    return BeginEnd(Cause::kFromElsewhere,
                    "The session was idle for too long (idleSessionTimeout).",
                    "The session was idle for too long.");
  }
  if (connection_ == nullptr && now_ >= away_since_ + kAwayMax) {
    BeginEnd(Cause::kFromElsewhere, {}, "The client did not come back.");
  }
}

Instant GatewaySession::IdleDeadline() const {
  if (grant_.idle_max <= engine::Duration::zero()) return Instant::max();
  return active_at_ + grant_.idle_max;
}

Instant GatewaySession::NextDeadline() const {
  Instant next = std::min(channel_.NextDeadline(), farewell_.deadline());
  if (is_shaking_hands()) next = std::min(next, handshake_.deadline());
  if (is_shaking_hands() || state_ == State::kRunning) {
    next = std::min(next, IdleDeadline());
    if (connection_ == nullptr) next = std::min(next, away_since_ + kAwayMax);
    if (is_conduit_started_) next = std::min(next, conduit_->NextDeadline());
  }
  return next;
}

}  // namespace relay
