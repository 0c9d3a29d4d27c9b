#include "relay/gateway/gateway_session.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/version.h"
#include "engine/wire/control.h"
#include "relay/broker/gateway_shares.h"
#include "relay/gateway/channel_closed.h"
#include "relay/gateway/conduit_choice.h"
#include "relay/gateway/outgoing_batch.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::Instant;
using engine::datachannel::DataChannel;
using engine::datachannel::PayloadType;

namespace {

// What is on its way to the client and back, beside the streams' windows.
constexpr uint64_t kChannelBytesMax = 1024 * 1024;
constexpr uint64_t kProgramWindowsMax = 1024 * 1024;  // A program has one stream.
static_assert(GatewaySession::kWindowsMax + kChannelBytesMax <= GatewayShares::kPortBytes);
static_assert(kProgramWindowsMax + kChannelBytesMax <= GatewayShares::kProgramBytes);

engine::MultiplexerOptions LinkOptions(engine::SessionKind kind) {
  const bool is_port = kind == engine::SessionKind::kTcp;
  engine::MultiplexerOptions options;
  options.streams_max = is_port ? engine::kSessionStreamsMax : 1;
  options.window_bytes_min = 64 * 1024;
  options.window_bytes_max = 1024 * 1024;
  options.window_bytes_sum_max = is_port ? GatewaySession::kWindowsMax : kProgramWindowsMax;
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
      link_(engine::Side::kConnected, LinkOptions(grant.plan.kind), *this, pool, now),
      channel_(DataChannel::Side::kMachine, ChannelOptions(), *this, seed),
      now_(now),
      handshake_(grant_),
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
  if (state_ == State::kEnding) farewell_.Connected(now);
  runner_.Wake();
}

void GatewaySession::Disconnect(Instant now) {
  now_ = now;
  connection_.reset();
  channel_.Disconnected();
  away_since_ = now;
  if (state_ == State::kEnding) farewell_.Disconnected(now);
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
  const std::string json = handshake_.Request(now_);
  if (json.empty()) {
    return Finish("The document's properties are too long for a client.", "Too long properties.");
  }
  channel_.Send(PayloadType::kHandshakeRequest, engine::AsBytes(json));
}

void GatewaySession::TakeHandshake(ByteView payload) {
  const MachineHandshake::Answer answer = handshake_.Read(payload);
  if (!answer.failure.empty()) return Finish(answer.failure, answer.reason);
  client_version_ = answer.client_version;
  conduit_ = MakeConduit(grant_, answer, static_cast<Conduit::Host&>(*this));
  if (is_early_size_known_) {
    const std::string size = Encode(early_size_);
    conduit_->TakeInput(PayloadType::kSize, engine::AsBytes(size));
  }
  state_ = State::kProving;
  if (!is_encrypted()) CompleteHandshake();
  StartIfReady();
}

void GatewaySession::KeyProven() {
  if (state_ == State::kProving) CompleteHandshake();
}

// The acknowledgement of the client's answer goes before this: some clients hang otherwise (P4).
void GatewaySession::CompleteHandshake() {
  state_ = State::kRunning;
  NoteActivity();
  const std::string json = handshake_.Complete(client_version_, now_);
  channel_.Send(PayloadType::kHandshakeComplete, engine::AsBytes(json));
}

void GatewaySession::StartIfReady() {
  const bool has_conduit = state_ == State::kProving || state_ == State::kRunning;
  if (!has_conduit || !is_link_ready_ || is_conduit_started_) return;
  is_conduit_started_ = true;
  conduit_->Start();
  InputMayGoOn();
}

// --------------------------------------------------------------- what passes

bool GatewaySession::OnStreamData(PayloadType type, ByteView payload) {
  switch (state_) {
    case State::kHandshake:
      if (type == PayloadType::kHandshakeResponse) TakeHandshake(payload);
      // A size is kept; anything else that comes too early is passed over, as real machines do.
      if (type == PayloadType::kSize && Decode(payload, early_size_)) is_early_size_known_ = true;
      return true;
    case State::kProving:
      if (type == PayloadType::kChallengeResponse || type == PayloadType::kSize) {
        return conduit_->TakeInput(type, payload);
      }
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
    if (is_seen()) passage_->OnInput(payload);
  }
  engine::datachannel::WindowSize size;
  if (type == PayloadType::kSize && is_seen() && Decode(payload, size)) {
    passage_->OnResize({size.columns, size.rows});
  }
  return true;
}

void GatewaySession::Send(PayloadType type, ByteView payload) {
  channel_.Send(type, payload);
  // A port's user is busy when bytes come, too; a shell's only when he types.
  if (grant_.plan.kind == engine::SessionKind::kTcp) NoteActivity();
  if (!is_seen()) return;
  if (type == PayloadType::kOutput) passage_->OnOutput(Passage::Kind::kOutput, payload);
  if (type == PayloadType::kStdErr) passage_->OnOutput(Passage::Kind::kErrorOutput, payload);
}

void GatewaySession::InputMayGoOn() {
  input_may_go_on_ = true;
  runner_.Wake();
}

void GatewaySession::SendMessages() {
  if (connection_ == nullptr) return;
  MessageBatch batch = TakeOutgoing(channel_, now_, kUnsentMax, unsent_);
  if (!batch.empty()) connection_->Deliver(std::move(batch));
}

}  // namespace relay
