#include "relay/gateway/gateway_session.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/version.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_version.h"
#include "engine/wire/control.h"
#include "relay/gateway/channel_closed.h"
#include "relay/gateway/multiplexed_conduit.h"
#include "relay/gateway/port_conduit.h"
#include "relay/gateway/program_conduit.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::Instant;
using engine::datachannel::DataChannel;
using engine::datachannel::PayloadType;

namespace {

constexpr std::string_view kHandshakeTimedOut =
    "Encountered error while initiating handshake. Handshake timed out. Please ensure that you "
    "have the latest version of the session manager plugin.";
constexpr std::string_view kSeparateOutputNeedsUpdate =
    "Please update the session manager plugin to version 1.2.312.0 or later to see standard output "
    "and standard error apart.";

engine::MultiplexerOptions LinkOptions() {
  engine::MultiplexerOptions options;
  options.streams_max = engine::kSessionStreamsMax;
  options.window_bytes_min = 64 * 1024;
  options.window_bytes_max = 1024 * 1024;
  options.window_bytes_sum_max = GatewaySession::kWindowsMax;
  options.output_bytes_per_stream_max = 64 * 1024;
  return options;
}

engine::datachannel::DataChannelOptions ChannelOptions() {
  engine::datachannel::DataChannelOptions options;
  options.sender.repeats_max = GatewaySession::kRepeatsMax;
  return options;
}

}  // namespace

GatewaySession::GatewaySession(const SessionGrant& grant, std::string_view token, Runner& runner,
                               engine::BufferPool& pool, Passage* passage, Instant now,
                               uint64_t seed)
    : grant_(grant),
      runner_(runner),
      pool_(pool),
      passage_(passage),
      link_(engine::Side::kConnected, LinkOptions(), *this, pool, now),
      channel_(DataChannel::Side::kMachine, ChannelOptions(), *this, seed),
      now_(now),
      active_at_(now),
      away_since_(now) {
  channel_.Disconnected();
  const engine::Hello hello{.software = std::string("adit-gateway/") + engine::kVersion,
                            .role = "client",
                            .session_id = grant.session_id,
                            .session_token = std::string(token)};
  CHECK(link_.SendControl(engine::kLinkStream, engine::Encode(hello)));
}

GatewaySession::~GatewaySession() = default;

// ------------------------------------------------------------------ the connection

std::string GatewaySession::Refusal(std::string_view client_id) const {
  if (state_ == State::kOver) return "The session is over.";
  // Another client could not go on where this one was; and who found the token in a list of
  // processes (P22) must not even try.
  if (state_ != State::kNew && client_id != client_id_) {
    return "This session belongs to another client. Start a new one.";
  }
  return {};
}

void GatewaySession::Connect(std::unique_ptr<ChannelConnection> connection,
                             std::string_view client_id, Instant now) {
  now_ = now;
  if (state_ == State::kNew) client_id_ = client_id;
  connection_ = std::move(connection);
  unsent_ = 0;
  channel_.Connected();
  if (state_ == State::kNew) StartHandshake();
  if (state_ == State::kEnding) end_by_ = now + kDrainMax;
  runner_.Wake();
}

void GatewaySession::Disconnect(Instant now) {
  now_ = now;
  connection_.reset();
  channel_.Disconnected();
  away_since_ = now;
  if (state_ == State::kEnding) end_by_ = now + kLingerMax;
  runner_.Wake();
}

void GatewaySession::Receive(const MessageBatch& batch, Instant now) {
  now_ = now;
  for (BatchReader reader(batch); !reader.done(); reader.Pop()) {
    engine::datachannel::AgentMessage message;
    // What is no message, or is not for now, is passed over: its sender repeats it.
    if (Decode(reader.front(), message) != engine::datachannel::AgentMessageError::kNone) continue;
    std::ignore = channel_.Receive(message, now);
  }
  runner_.Wake();
}

void GatewaySession::Sent(size_t size) {
  unsent_ -= std::min(unsent_, size);
  runner_.Wake();
}

// -------------------------------------------------------------------- the link

void GatewaySession::OnOpen(engine::StreamId id, engine::Priority, ByteView) {
  link_.Reject(id, CloseCode::kUnsupported, "a client opens streams, and takes none");
}

void GatewaySession::OnControl(ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  if (!std::holds_alternative<engine::Hello>(control)) return;
  is_link_ready_ = true;
  StartIfReady();
}

void GatewaySession::OnGoaway(CloseCode, std::string_view text) { End(std::string(text)); }

void GatewaySession::OnFailed(CloseCode, std::string_view text) { End(std::string(text)); }

void GatewaySession::LinkClosed() {
  Finish("The session was lost inside the relay.", "The relay closed the session's link.");
}

// --------------------------------------------------------------- the handshake

void GatewaySession::StartHandshake() {
  state_ = State::kHandshake;
  handshake_began_ = now_;
  engine::datachannel::HandshakeRequest request;
  request.agent_version = engine::datachannel::kOurAgentVersion;
  request.session_type = grant_.client_terms.session_type;
  request.properties = grant_.client_terms.port;
  const std::string json = Encode(request);
  if (json.size() > engine::datachannel::kStreamPayloadMax) {
    return Finish("The document's properties are too long for a client.", "Too long properties.");
  }
  channel_.Send(PayloadType::kHandshakeRequest, engine::AsBytes(json));
}

void GatewaySession::TakeHandshake(ByteView payload) {
  engine::datachannel::HandshakeResponse response;
  if (!Decode(payload, response)) {
    return Finish("The client's answer to the handshake cannot be read.", "No handshake.");
  }
  if (const std::string failure = HandshakeFailure(response); !failure.empty()) {
    return Finish(failure, "The client refused the handshake.");
  }
  state_ = State::kRunning;
  NoteActivity();
  conduit_ = MakeConduit(response.client_version);
  if (is_early_size_known_) {
    const std::string size = Encode(early_size_);
    conduit_->TakeInput(PayloadType::kSize, engine::AsBytes(size));
  }
  engine::datachannel::HandshakeComplete complete;
  complete.duration_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now_ - handshake_began_).count();
  if (grant_.client_terms.separates_output &&
      !engine::datachannel::KnowsSeparateOutput(response.client_version)) {
    complete.customer_message = kSeparateOutputNeedsUpdate;
  }
  // Its acknowledgement goes before this: some clients hang otherwise (P4).
  channel_.Send(PayloadType::kHandshakeComplete, engine::AsBytes(Encode(complete)));
  StartIfReady();
}

void GatewaySession::StartIfReady() {
  if (state_ != State::kRunning || !is_link_ready_ || is_conduit_started_) return;
  is_conduit_started_ = true;
  conduit_->Start();
  InputMayGoOn();
}

std::unique_ptr<Conduit> GatewaySession::MakeConduit(std::string_view client_version) {
  const ClientTerms& terms = grant_.client_terms;
  Conduit::Host& host = *this;
  if (grant_.plan.kind != engine::SessionKind::kTcp) {
    return std::make_unique<ProgramConduit>(
        host, ProgramTerms{.with_terminal = grant_.plan.kind == engine::SessionKind::kShell ||
                                            grant_.plan.with_terminal,
                           .separates_output = terms.separates_output,
                           .output_prefix = terms.output_prefix,
                           .error_prefix = terms.error_prefix});
  }
  engine::TcpRequest request;
  request.host = grant_.plan.host;
  request.port = grant_.plan.port;
  std::string json = engine::EncodeOpen(request);
  const bool is_forwarding =
      terms.port.has_value() && terms.port->type == engine::datachannel::kLocalPortForwarding;
  if (is_forwarding && engine::datachannel::ClientMultiplexesPorts(client_version)) {
    return std::make_unique<MultiplexedConduit>(host, std::move(json), engine::kSessionStreamsMax);
  }
  return std::make_unique<PortConduit>(host, std::move(json), /*is_once=*/!is_forwarding);
}

// --------------------------------------------------------------- what passes

bool GatewaySession::OnStreamData(PayloadType type, ByteView payload) {
  switch (state_) {
    case State::kHandshake:
      if (type == PayloadType::kHandshakeResponse) TakeHandshake(payload);
      // A size is kept; anything else that comes too early is passed over, as real machines do.
      if (type == PayloadType::kSize && Decode(payload, early_size_)) is_early_size_known_ = true;
      return true;
    case State::kRunning:
      break;
    case State::kNew:
    case State::kEnding:
    case State::kOver:
      return true;
  }
  if (!is_conduit_started_) return false;
  if (!conduit_->TakeInput(type, payload)) return false;
  if (type == PayloadType::kOutput) {
    NoteActivity();
    if (passage_ != nullptr) passage_->OnInput(payload);
  }
  engine::datachannel::WindowSize size;
  if (type == PayloadType::kSize && passage_ != nullptr && Decode(payload, size)) {
    passage_->OnResize({size.columns, size.rows});
  }
  return true;
}

void GatewaySession::Send(PayloadType type, ByteView payload) {
  channel_.Send(type, payload);
  // A port's user is busy when bytes come, too; a shell's only when he types.
  if (grant_.plan.kind == engine::SessionKind::kTcp) NoteActivity();
  if (passage_ == nullptr) return;
  if (type == PayloadType::kOutput) passage_->OnOutput(Passage::Kind::kOutput, payload);
  if (type == PayloadType::kStdErr) passage_->OnOutput(Passage::Kind::kErrorOutput, payload);
}

void GatewaySession::InputMayGoOn() {
  input_may_go_on_ = true;
  runner_.Wake();
}

// --------------------------------------------------------------------- the end

void GatewaySession::End(std::string text) {
  const std::string reason = text;
  BeginEnd(std::move(text), reason, engine::Duration::zero());
}

void GatewaySession::Finish(std::string output, std::string_view reason) {
  BeginEnd(std::move(output), reason, kLingerMax);
}

void GatewaySession::BeginEnd(std::string output, std::string_view reason,
                              engine::Duration away_max) {
  if (state_ == State::kEnding || state_ == State::kOver) return;
  state_ = State::kEnding;
  end_output_ = std::move(output);
  end_reason_ = reason;
  end_by_ = now_ + (connection_ != nullptr ? kDrainMax : away_max);
  drain_by_ = now_ + away_max;
  drain_count_ = channel_.sender().count();
  runner_.Wake();
}

void GatewaySession::SayLastWord() {
  state_ = State::kOver;
  if (connection_ != nullptr) {
    MessageBatch batch;
    batch.Add(
        engine::AsBytes(ChannelClosedMessage(grant_.session_id, grant_.node_id, end_output_)));
    connection_->Deliver(std::move(batch));
    connection_->Close();
  }
  runner_.OnOver(end_reason_);
}

// ------------------------------------------------------------------- running it

void GatewaySession::Run(Instant now) {
  now_ = now;
  if (state_ == State::kOver) return;
  HandleDeadlines();
  if (std::exchange(input_may_go_on_, false)) channel_.Retry();
  if (is_conduit_started_ && state_ == State::kRunning) conduit_->PumpOutput();
  SendMessages();
  if (state_ == State::kEnding && channel_.sender().count() < drain_count_) {
    drain_count_ = channel_.sender().count();
    end_by_ = std::max(end_by_, std::min(now + kDrainMax, drain_by_));
  }
  // Without a client nobody hears the rest, unless he comes back for it.
  const bool is_said = connection_ != nullptr ? channel_.drained() : channel_.sender().empty();
  if (state_ == State::kEnding && (is_said || now >= end_by_)) SayLastWord();
}

void GatewaySession::HandleDeadlines() {
  if (channel_.NextDeadline() <= now_) channel_.HandleDeadline(now_);
  if (state_ == State::kHandshake && now_ >= handshake_began_ + kHandshakeMax) {
    Finish(std::string(kHandshakeTimedOut), "The client did not answer the handshake.");
  }
  if (state_ != State::kRunning && state_ != State::kHandshake) return;
  if (conduit_ != nullptr && is_conduit_started_) conduit_->HandleDeadline(now_);
  if (channel_.sender().undeliverable()) {
    return BeginEnd({}, "The client acknowledged nothing for five minutes.", {});
  }
  if (now_ >= IdleDeadline()) {
    return BeginEnd("The session was idle for too long (idleSessionTimeout).",
                    "The session was idle for too long.", {});
  }
  if (connection_ == nullptr && now_ >= away_since_ + kAwayMax) {
    BeginEnd({}, "The client did not come back.", {});
  }
}

Instant GatewaySession::IdleDeadline() const {
  if (grant_.idle_max <= engine::Duration::zero()) return Instant::max();
  return active_at_ + grant_.idle_max;
}

Instant GatewaySession::NextDeadline() const {
  Instant next = std::min(channel_.NextDeadline(), end_by_);
  if (state_ == State::kHandshake) next = std::min(next, handshake_began_ + kHandshakeMax);
  if (state_ == State::kHandshake || state_ == State::kRunning) {
    next = std::min(next, IdleDeadline());
    if (connection_ == nullptr) next = std::min(next, away_since_ + kAwayMax);
    if (is_conduit_started_) next = std::min(next, conduit_->NextDeadline());
  }
  return next;
}

void GatewaySession::SendMessages() {
  if (connection_ == nullptr) return;
  MessageBatch batch;
  std::array<std::byte, DataChannel::kOutgoingSizeMax> message;
  while (unsent_ < kUnsentMax && channel_.HasNext()) {
    const size_t size = channel_.NextMessage(now_, CreatedNow(), message);
    if (size == 0) break;
    unsent_ += size;
    batch.Add(ByteView(message).first(size));
  }
  if (!batch.empty()) connection_->Deliver(std::move(batch));
}

}  // namespace relay
