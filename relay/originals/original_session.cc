#include "relay/originals/original_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/buffer/dry_pool.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/agent_version.h"
#include "relay/gateway/channel_closed.h"
#include "relay/gateway/outgoing_batch.h"
#include "relay/originals/outward_port.h"
#include "relay/originals/outward_program.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::Instant;
using engine::datachannel::ActionStatus;
using engine::datachannel::AgentMessage;
using engine::datachannel::AgentMessageError;
using engine::datachannel::DataChannel;
using engine::datachannel::HandshakeRequest;
using engine::datachannel::HandshakeResponse;
using engine::datachannel::kActionEncryption;
using engine::datachannel::kActionSessionType;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::MessageType;
using engine::datachannel::MultiplexesPorts;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionState;
using engine::datachannel::TaskComplete;

namespace {

// The version of a client for which agents multiplex ports, send no keep-alives and keep standard
// error apart: agents decide that by the number.
constexpr const char* kClientVersion = "1.2.707.0";

HandshakeResponse AnswerTo(const HandshakeRequest& request) {
  HandshakeResponse response;
  response.client_version = kClientVersion;
  if (!request.session_type.empty()) response.actions.push_back({.type = kActionSessionType});
  if (request.encryption.has_value()) {
    response.actions.push_back({.type = kActionEncryption,
                                .status = ActionStatus::kUnsupported,
                                .error = "this relay does not encrypt for an agent of AWS's"});
  }
  for (const std::string& unknown : request.unknown_actions) {
    response.actions.push_back({.type = unknown,
                                .status = ActionStatus::kUnsupported,
                                .error = "Unsupported action " + unknown});
  }
  return response;
}

}  // namespace

OriginalSession::OriginalSession(OriginalTask task, std::string node_id, Owner& owner, Instant now,
                                 uint64_t seed)
    : task_(std::move(task)),
      node_id_(std::move(node_id)),
      owner_(owner),
      channel_(DataChannel::Side::kClient, {}, *this, seed),
      now_(now),
      start_by_(now + kStartMax) {
  channel_.Disconnected();
  OutwardConduit::Host& host = *this;
  if (task_.is_port) {
    conduit_ = std::make_unique<OutwardPort>(host, engine::kSessionStreamsMax);
  } else {
    conduit_ = std::make_unique<OutwardProgram>(
        host, OutwardProgram::Terms{.with_terminal = task_.with_terminal, .size = task_.size});
  }
  owner_.TellAgent(ServiceMessage(MessageType::kStartTask, Encode(task_.start)));
}

// With the node gone there is no control channel to say it on.
OriginalSession::~OriginalSession() {
  if (connection_ == nullptr || complete_.has_value()) return;
  MessageBatch batch;
  batch.Add(engine::AsBytes(ChannelClosedMessage(task_.start.session_id, node_id_, {})));
  connection_->Deliver(std::move(batch));
  connection_->Close();
}

bool OriginalSession::Open(engine::StreamId id) {
  const bool takes_more = task_.is_port && state_ <= State::kRunning;
  if (std::exchange(is_opened_, true) && !takes_more) return false;
  conduit_->Open(id);
  return true;
}

// ------------------------------------------------------------------ the connection

void OriginalSession::Connect(std::unique_ptr<ChannelConnection> connection, Instant now) {
  now_ = now;
  connection_ = std::move(connection);
  unsent_ = 0;
  untaken_ = 0;
  away_until_ = Instant::max();
  channel_.Connected();
  owner_.Wake();
}

void OriginalSession::Disconnect(Instant now) {
  now_ = now;
  connection_.reset();
  channel_.Disconnected();
  away_until_ = now + kAwayMax;
  owner_.Wake();
}

void OriginalSession::Receive(const MessageBatch& batch, Instant now) {
  now_ = now;
  for (BatchReader reader(batch); !reader.done(); reader.Pop()) {
    AgentMessage message;
    // What is no message, or is not for now, is passed over: its sender repeats it.
    if (Decode(reader.front(), message) != AgentMessageError::kNone) continue;
    if (channel_.Receive(message, now)) continue;
    SessionState said{};
    if (message.type != MessageType::kAgentSessionState || !Decode(message.payload, said)) continue;
    const bool begins = said == SessionState::kConnected && state_ == State::kStarting;
    if (begins && !task_.shakes_hands) listens_at_ = std::min(listens_at_, now + kQuietMax);
  }
  untaken_ += batch.weight();
  LetConnectionGoOn();
  owner_.Wake();
}

// An agent knows no window: what makes it wait is a connection that is not read.
void OriginalSession::LetConnectionGoOn() {
  if (is_output_refused_ || connection_ == nullptr || untaken_ == 0) return;
  connection_->Taken(std::exchange(untaken_, 0));
}

void OriginalSession::Sent(size_t size) {
  unsent_ -= std::min(unsent_, size);
  owner_.Wake();
}

// ------------------------------------------------------------------- what passes

bool OriginalSession::OnStreamData(PayloadType type, ByteView payload) {
  if (type == PayloadType::kHandshakeRequest) {
    TakeHandshakeRequest(payload);
    return true;
  }
  if (type == PayloadType::kHandshakeComplete) {
    if (is_answered_) Start();
    return true;
  }
  if (type == PayloadType::kChallengeRequest) return true;
  if (state_ == State::kStarting) {
    if (task_.shakes_hands || is_answered_) return false;  // Not before it is complete.
    Start();
  }
  if (state_ != State::kRunning && state_ != State::kDraining) return true;
  is_output_refused_ = !conduit_->TakeOutput(type, payload);
  return !is_output_refused_;
}

void OriginalSession::TakeHandshakeRequest(ByteView payload) {
  HandshakeRequest request;
  if (is_answered_ || state_ != State::kStarting) return;
  is_answered_ = true;
  if (!Decode(payload, request)) {
    return Lose(CloseCode::kCannotStart, "the handshake of the node's agent cannot be read");
  }
  if (task_.is_port && !MultiplexesPorts(request.agent_version)) {
    return Lose(CloseCode::kCannotStart,
                "the node's agent (amazon-ssm-agent) is too old to forward ports: update it");
  }
  const std::string json = Encode(AnswerTo(request));
  if (json.size() > kStreamPayloadMax) {
    return Lose(CloseCode::kCannotStart, "the handshake of the node's agent asks for too much");
  }
  channel_.Send(PayloadType::kHandshakeResponse, engine::AsBytes(json));
}

void OriginalSession::Start() {
  if (state_ != State::kStarting) return;
  state_ = State::kRunning;
  start_by_ = Instant::max();
  listens_at_ = Instant::max();
  conduit_->Start();
  owner_.Wake();
}

void OriginalSession::Send(PayloadType type, ByteView payload) { channel_.Send(type, payload); }

void OriginalSession::OutputMayGoOn() {
  output_may_go_on_ = true;
  owner_.Wake();
}

void OriginalSession::RetryOutput() {
  retry_at_ = std::min(retry_at_, now_ + engine::kDryPoolPause);
  owner_.Wake();
}

// --------------------------------------------------------------------- the end

void OriginalSession::Complete(const TaskComplete& task, Instant now) {
  now_ = now;
  if (state_ == State::kLeaving) state_ = State::kOver;
  if (state_ <= State::kRunning && !complete_.has_value()) {
    complete_ = task;
    // The last of its output may still be on its way here, from another loop.
    if (state_ == State::kRunning) state_ = State::kDraining;
    over_by_ = now + kDrainMax;
  }
  owner_.Wake();
}

void OriginalSession::End(std::string_view, Instant now) {
  now_ = now;
  if (state_ >= State::kLeaving) return;
  conduit_->Abandon(CloseCode::kSessionEnded, "the session was ended");
  Leave();
}

void OriginalSession::Leave() {
  if (state_ >= State::kLeaving) return;
  state_ = complete_.has_value() ? State::kOver : State::kLeaving;
  over_by_ = now_ + kLeaveMax;
  owner_.Wake();
}

void OriginalSession::Lose(CloseCode code, std::string_view why) {
  conduit_->Abandon(code, why);
  Leave();
}

// An agent closes its data channel before it says that the session is over.
bool OriginalSession::IsDrained() const {
  return connection_ == nullptr && !is_output_refused_ && channel_.receiver().ahead_count() == 0;
}

// ------------------------------------------------------------------- running it

void OriginalSession::Run(Instant now) {
  now_ = now;
  if (state_ == State::kOver) return;
  HandleDeadlines();
  if (std::exchange(output_may_go_on_, false)) {
    is_output_refused_ = false;
    channel_.Retry();
    LetConnectionGoOn();
  }
  if (state_ == State::kRunning || state_ == State::kDraining) conduit_->PumpInput();
  const bool is_ended = complete_.has_value() && state_ < State::kLeaving;
  if (is_ended && (IsDrained() || now >= over_by_)) {
    conduit_->Finish(*complete_);
    // The conduit's streams live on until the client has read what is left.
    state_ = State::kOver;
  }
  if (state_ == State::kLeaving && !std::exchange(is_told_to_leave_, true)) {
    owner_.TellAgent(ChannelClosedMessage(task_.start.session_id, node_id_, {}));
  }
  SendMessages();
}

void OriginalSession::HandleDeadlines() {
  if (channel_.NextDeadline() <= now_) channel_.HandleDeadline(now_);
  if (now_ >= retry_at_) {
    retry_at_ = Instant::max();
    output_may_go_on_ = true;
  }
  if (state_ == State::kLeaving && now_ >= over_by_) state_ = State::kOver;
  if (state_ == State::kStarting && now_ >= listens_at_ && !is_answered_) Start();
  if (complete_.has_value() || state_ > State::kRunning) return;
  if (state_ == State::kStarting && now_ >= start_by_) {
    return Lose(CloseCode::kCannotStart, "the node's agent did not begin the session in time");
  }
  if (connection_ == nullptr && now_ >= away_until_) {
    Lose(CloseCode::kNodeGone, "the node's agent lost the session");
  }
}

Instant OriginalSession::NextDeadline() const {
  if (state_ == State::kOver) return Instant::max();
  Instant next = std::min({channel_.NextDeadline(), retry_at_, over_by_});
  if (state_ == State::kStarting) next = std::min({next, start_by_, listens_at_});
  if (state_ <= State::kRunning && !complete_.has_value()) next = std::min(next, away_until_);
  return next;
}

void OriginalSession::SendMessages() {
  if (connection_ == nullptr) return;
  MessageBatch batch = TakeOutgoing(channel_, now_, kUnsentMax, unsent_);
  if (!batch.empty()) connection_->Deliver(std::move(batch));
}

}  // namespace relay
