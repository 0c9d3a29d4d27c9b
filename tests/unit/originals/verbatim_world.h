// A verbatim session between a client and an agent, each with the manners of AWS's own: a client
// never acknowledges twice, both repeat the oldest message alone, the agent repeats its word.

#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/random.h"
#include "engine/datachannel/agent_payloads.h"
#include "relay/gateway/channel_closed.h"
#include "relay/originals/verbatim_session.h"
#include "tests/unit/originals/spoken_channel.h"

namespace relay {

class VerbatimWorld final : private AgentSession::Owner, private VerbatimSession::Client {
 public:
  using Type = SpokenChannel::Type;
  using Payload = SpokenChannel::Payload;

  // Peer is client or agent: what it has to say, and what it has heard.
  struct Peer final : SpokenChannel {
    Type type{};
    bool repeats_its_word = false;  // The agent does.
    bool is_ready = true;           // Else what is expected is passed over (P3).
    bool is_connected = false;
    bool reads = true;
    int64_t next = 0;
    std::map<int64_t, std::pair<std::string, engine::Instant>> unacknowledged;
    int64_t expected = 0;
    std::map<int64_t, std::string> early;
    std::string heard;              // Payloads, in order.
    std::vector<std::string> came;  // Messages of stream data, as they came.
    std::vector<Type> notices;      // What else came.
    std::string last_word;
    std::deque<std::string> to_say;

   private:
    void Hear(engine::ByteView bytes) override;
  };

  static SessionGrant Grant(engine::SessionKind kind = engine::SessionKind::kShell) {
    SessionGrant grant;
    grant.session_id = "s";
    grant.node_id = "mi-1";
    grant.plan.kind = kind;
    if (kind == engine::SessionKind::kTcp) {
      grant.client_terms.port = engine::datachannel::PortProperties{.type = "LocalPortForwarding"};
    }
    return grant;
  }

  explicit VerbatimWorld(const SessionGrant& grant = Grant(), Passage* passage = nullptr,
                         uint64_t seed = 1)
      : random(seed) {
    client.type = Type::kInputStreamData;
    agent.type = Type::kOutputStreamData;
    agent.repeats_its_word = true;
    AgentSession::Owner& owner = *this;
    VerbatimSession::Client& listener = *this;
    session =
        std::make_unique<VerbatimSession>(grant, TaskOf(grant), owner, listener, passage, now);
  }

  void ConnectClient() {
    client.is_connected = true;
    session->ConnectClient(client.NewConnection(), "client-1", now);
    Run();
  }
  void ConnectAgent() {
    agent.is_connected = true;
    session->Connect(agent.NewConnection(), now);
    Run();
  }
  void CutClient() {
    client.is_connected = false;
    client.to_say.clear();
    session->DisconnectClient(now);
    Run();
  }
  void CutAgent() {
    agent.is_connected = false;
    agent.to_say.clear();
    session->Disconnect(now);
    Run();
  }
  void Begin() {
    ConnectClient();
    ConnectAgent();
  }

  void Say(Peer& peer, std::string_view payload, Payload type = Payload::kOutput) {
    std::string bytes = SpokenChannel::Encoded(peer.type, payload, peer.next, type);
    peer.to_say.push_back(bytes);
    peer.unacknowledged.emplace(peer.next++, std::pair(std::move(bytes), now));
  }
  // Numbered says a text with a number, and returns it.
  std::string Numbered(Peer& peer, int number) {
    std::string text = std::to_string(number) + ";";
    Say(peer, text);
    return text;
  }
  void Complete(const char* status, const char* output = "") {
    session->Complete({.task_id = "s", .status = status, .output = output}, now);
    Run();
  }

  // Run moves everything until nothing moves.
  void Run() {
    for (int quiet = 0; quiet < 3; ++quiet) {
      session->Run(now);
      for (Peer* peer : {&client, &agent}) {
        if (peer->is_connected && Bring(*peer)) quiet = 0;
        if (!peer->reads) continue;
        const size_t size = std::exchange(peer->unsent, 0);
        peer == &client ? session->SentToClient(size) : session->Sent(size);
      }
    }
    // Who runs it would do so without end.
    if (!session->over()) CHECK(session->NextDeadline() > now);
  }
  void Pass(engine::Duration time) {
    now += time;
    for (Peer* peer : {&client, &agent}) {
      if (!peer->is_connected || peer->unacknowledged.empty()) continue;
      auto& [bytes, sent] = peer->unacknowledged.begin()->second;
      if (now - sent < std::chrono::milliseconds(200)) continue;
      sent = now;
      peer->to_say.push_back(bytes);
    }
    Run();
  }

  engine::Instant now{std::chrono::hours(1)};
  engine::Random random;
  uint32_t lose = 0;  // Chances in 100, of each message that the peers say.
  uint32_t repeat = 0;
  uint32_t swap = 0;
  Peer client;
  Peer agent;
  std::vector<std::string> told;  // On the control channel.
  std::optional<std::string> over_reason;
  uint64_t to_node_bytes = 0;
  uint64_t to_client_bytes = 0;
  std::unique_ptr<VerbatimSession> session;

 private:
  bool Bring(Peer& peer) {
    MessageBatch batch;
    if (peer.to_say.size() > 1 && random.Chance(swap))
      std::swap(peer.to_say.front(), peer.to_say.back());
    for (; !peer.to_say.empty(); peer.to_say.pop_front()) {
      if (random.Chance(lose)) continue;
      batch.Add(engine::AsBytes(peer.to_say.front()));
      if (random.Chance(repeat)) batch.Add(engine::AsBytes(peer.to_say.front()));
    }
    if (batch.empty()) return false;
    peer.brought += batch.weight();
    &peer == &client ? session->ReceiveFromClient(batch, now) : session->Receive(batch, now);
    return true;
  }

  engine::Multiplexer& multiplexer() override { CHECK(false); }
  engine::BufferPool& pool() override { CHECK(false); }
  void Wake() override {}
  void TellAgent(std::string message) override { told.push_back(std::move(message)); }
  void OnOver(std::string_view reason, uint64_t to_node, uint64_t to_client) override {
    CHECK(!over_reason.has_value());
    over_reason = reason;
    to_node_bytes = to_node;
    to_client_bytes = to_client;
  }
};

inline void VerbatimWorld::Peer::Hear(engine::ByteView bytes) {
  const engine::datachannel::AgentMessage message = Decoded(bytes);
  int64_t sequence = 0;
  if (message.type == Type::kAcknowledge) {
    CHECK(engine::datachannel::DecodeAcknowledge(message.payload, sequence));
    unacknowledged.erase(sequence);
  }
  engine::datachannel::ChannelClosed closed;
  if (message.type == Type::kChannelClosed && Decode(message.payload, closed)) {
    last_word = closed.output;
  }
  const bool is_data =
      message.type == Type::kInputStreamData || message.type == Type::kOutputStreamData;
  if (!is_data) return notices.push_back(message.type);
  came.emplace_back(engine::AsText(bytes));
  const bool is_new = message.sequence >= expected && !early.contains(message.sequence);
  if (!is_new && !repeats_its_word) return;
  if (message.sequence == expected && !is_ready) return;
  std::array<char, engine::datachannel::kAcknowledgeTextMax> text;
  const size_t size = engine::datachannel::EncodeAcknowledge(
      {.type = message.type, .id = message.id, .sequence = message.sequence}, text);
  to_say.push_back(ServiceMessage(Type::kAcknowledge, {text.data(), size}));
  if (message.sequence >= expected) early[message.sequence] = engine::AsText(message.payload);
  for (auto it = early.find(expected); it != early.end(); it = early.find(expected)) {
    heard += it->second;
    early.erase(it);
    ++expected;
  }
}

}  // namespace relay
