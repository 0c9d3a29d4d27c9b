#include "relay/originals/verbatim_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/smux_frame.h"
#include "relay/broker/gateway_shares.h"
#include "relay/gateway/channel_closed.h"
#include "relay/gateway/gateway_session.h"

namespace relay {

using engine::ByteView;
using engine::Duration;
using engine::Instant;
using engine::datachannel::AgentMessage;
using engine::datachannel::AgentMessageError;
using engine::datachannel::MessageType;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;

namespace {

// What waits in both directions fits into the session's share.
static_assert(2 * (Crossing::kBytesLimit + ChannelEnd::kUnsentMax + ChannelEnd::kNoticeBytesMax) <=
              GatewayShares::kProgramBytes);

bool Multiplexes(const SessionGrant& grant) {
  const auto& port = grant.client_terms.port;
  return port.has_value() && port->type == engine::datachannel::kLocalPortForwarding;
}

// AreKeepAlives says that there is nothing but whole keep-alives of smux: neither a user nor his
// connections did anything.
bool AreKeepAlives(ByteView payload) {
  using engine::datachannel::kSmuxHeaderSize;
  std::array<std::byte, kSmuxHeaderSize> keep_alive;
  engine::datachannel::WriteSmuxHeader({.command = engine::datachannel::SmuxCommand::kNop},
                                       keep_alive);
  for (; payload.size() >= kSmuxHeaderSize; payload = payload.subspan(kSmuxHeaderSize)) {
    if (!std::ranges::equal(payload.first(kSmuxHeaderSize), keep_alive)) return false;
  }
  return payload.empty();
}

}  // namespace

VerbatimSession::VerbatimSession(const SessionGrant& grant, const OriginalTask& task, Owner& owner,
                                 Client& client, Passage* passage, Instant now)
    : grant_(grant),
      owner_(owner),
      listener_(client),
      passage_(passage),
      client_(*this, Multiplexes(grant) ? kClientQuiet : Duration::zero()),
      agent_(*this, Duration::zero()),
      now_(now),
      active_at_(now),
      agent_by_(now + kStartMax) {
  owner_.TellAgent(ServiceMessage(MessageType::kStartTask, Encode(task.start)));
}

// With the node gone there is no control channel to say it on.
VerbatimSession::~VerbatimSession() {
  if (!is_agent_over_) agent_.SayLast(ChannelClosedMessage(grant_.session_id, grant_.node_id, {}));
  if (is_client_over_) return;
  constexpr std::string_view kLost = "the connection to the node was lost";
  if (!farewell_.begun()) {
    farewell_.Begin(Farewell::Cause::kFromElsewhere, std::string(kLost), kLost, false, 0, now_);
  }
  SayLastWord();
}

// ----------------------------------------------------------------- the connections

std::string VerbatimSession::Refusal(std::string_view client_id) const {
  if (is_client_over_) return "The session is over.";
  // As of GatewaySession: another client could not go on, and must not even try (P22).
  if (!client_id_.empty() && client_id != client_id_) {
    return "This session belongs to another client. Start a new one.";
  }
  return {};
}

void VerbatimSession::ConnectClient(std::unique_ptr<ChannelConnection> connection,
                                    std::string_view client_id, Instant now) {
  now_ = now;
  client_id_ = client_id;
  client_.Connect(std::move(connection));
  client_by_ = Instant::max();
  if (farewell_.begun()) farewell_.Connected(now);
  SayPublication(MessageType::kStartPublication);
  owner_.Wake();
}

void VerbatimSession::DisconnectClient(Instant now) {
  now_ = now;
  client_.Disconnect();
  client_by_ = now + GatewaySession::kAwayMax;
  if (farewell_.begun()) farewell_.Disconnected(now);
  SayPublication(MessageType::kPausePublication);
  owner_.Wake();
}

void VerbatimSession::Connect(std::unique_ptr<ChannelConnection> connection, Instant now) {
  now_ = now;
  agent_.Connect(std::move(connection));
  has_begun_ = true;
  agent_by_ = Instant::max();
  if (!client_.connected()) SayPublication(MessageType::kPausePublication);
  owner_.Wake();
}

void VerbatimSession::Disconnect(Instant now) {
  now_ = now;
  agent_.Disconnect();
  agent_by_ = now + kAwayMax;
  owner_.Wake();
}

void VerbatimSession::SentToClient(size_t size) {
  client_.Sent(size);
  owner_.Wake();
}

void VerbatimSession::Sent(size_t size) {
  agent_.Sent(size);
  owner_.Wake();
}

// Clients pass over both of these.
void VerbatimSession::SayPublication(MessageType type) { agent_.Tell(ServiceMessage(type, "{}")); }

// -------------------------------------------------------------------- what passes

void VerbatimSession::ReceiveFromClient(const MessageBatch& batch, Instant now) {
  now_ = now;
  Pass(batch, client_, agent_);
}

void VerbatimSession::Receive(const MessageBatch& batch, Instant now) {
  now_ = now;
  Pass(batch, agent_, client_);
}

void VerbatimSession::Pass(const MessageBatch& batch, ChannelEnd& from, ChannelEnd& to) {
  const MessageType data =
      &from == &client_ ? MessageType::kInputStreamData : MessageType::kOutputStreamData;
  for (BatchReader reader(batch); !reader.done(); reader.Pop()) {
    AgentMessage message;
    // What is no message goes nowhere: some receivers do not survive it.
    if (Decode(reader.front(), message) != AgentMessageError::kNone) continue;
    // Who is being told that it is over types into nothing.
    if (message.type == data && &from == &client_ && farewell_.begun()) continue;
    if (message.type == data) {
      const Crossing::Verdict verdict = to.crossing().Take(message, reader.front());
      if (verdict == Crossing::Verdict::kAcknowledged) AcknowledgeAgain(message, from);
      continue;
    }
    int64_t sequence = 0;
    const bool is_word = message.type == MessageType::kAcknowledge &&
                         engine::datachannel::DecodeAcknowledge(message.payload, sequence) &&
                         from.crossing().Acknowledge(sequence, now_);
    if (is_word) to.Tell(std::string(engine::AsText(reader.front())));
  }
  from.Brought(batch.weight());
  owner_.Wake();
}

void VerbatimSession::AcknowledgeAgain(const AgentMessage& message, ChannelEnd& to) {
  std::array<char, engine::datachannel::kAcknowledgeTextMax> text;
  const size_t size = engine::datachannel::EncodeAcknowledge(
      {.type = message.type, .id = message.id, .sequence = message.sequence}, text);
  to.Tell(ServiceMessage(MessageType::kAcknowledge, {text.data(), size}));
  // An agent goes on when it hears one.
  if (!client_.connected()) SayPublication(MessageType::kPausePublication);
}

void VerbatimSession::OnPassing(Crossing& crossing, PayloadType type, ByteView payload) {
  const bool is_input = &crossing == &agent_.crossing();
  const bool is_port = grant_.plan.kind == engine::SessionKind::kTcp;
  const bool is_idle = Multiplexes(grant_) && AreKeepAlives(payload);
  const bool is_seen = passage_ != nullptr && grant_.plan.key_id.empty();
  if (is_input) {
    client_.Speak();
    // A size is nothing that a user did.
    const bool is_users = type == PayloadType::kOutput || type == PayloadType::kFlag;
    if (is_users && !is_idle) active_at_ = now_;
    SessionFlag flag{};
    if (type == PayloadType::kFlag && Decode(payload, flag)) {
      has_left_ = flag == SessionFlag::kTerminateSession;
    }
    if (type == PayloadType::kOutput) to_node_bytes_ += payload.size();
    if (is_seen && type == PayloadType::kOutput) passage_->OnInput(payload);
    engine::datachannel::WindowSize size;
    if (is_seen && type == PayloadType::kSize && Decode(payload, size)) {
      passage_->OnResize({size.columns, size.rows});
    }
    return;
  }
  if (type == PayloadType::kHandshakeComplete) agent_.BeQuietUntil(now_ + kAgentQuiet);
  const bool is_output = type == PayloadType::kOutput || type == PayloadType::kError;
  if (!is_output && type != PayloadType::kStdErr) return;
  if (is_port && !is_idle) active_at_ = now_;
  to_client_bytes_ += payload.size();
  if (!is_seen) return;
  passage_->OnOutput(is_output ? Passage::Kind::kOutput : Passage::Kind::kErrorOutput, payload);
}

// Neither end knows a window: what makes one wait is a connection that is not read. With both
// directions full, acknowledgements would be stuck behind each other: then both are read, and what
// finds no room is forgotten.
void VerbatimSession::LetGo() {
  const bool to_client_full = client_.crossing().full() && client_.connected();
  const bool to_agent_full = agent_.crossing().full() && agent_.connected();
  agent_.LetGo(to_client_full && !to_agent_full);
  client_.LetGo(to_agent_full && !to_client_full);
}

}  // namespace relay
