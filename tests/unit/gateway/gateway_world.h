// A session of the gateway between a client's data channel and a node's multiplexer, in memory.

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/data_channel.h"
#include "relay/gateway/gateway_session.h"
#include "relay/gateway/local_link.h"
#include "tests/unit/mux/mux_pair.h"

namespace relay {

using engine::datachannel::DataChannel;
using engine::datachannel::PayloadType;

// FakePassage remembers what passed.
struct FakePassage final : Passage {
  void OnInput(engine::ByteView bytes) override { input += engine::AsText(bytes); }
  void OnOutput(Kind kind, engine::ByteView bytes) override {
    (kind == Kind::kOutput ? output : errors) += engine::AsText(bytes);
  }
  void OnResize(engine::TerminalSize size) override { sizes.push_back(size.columns); }

  std::string input;
  std::string output;
  std::string errors;
  std::vector<uint16_t> sizes;
};

inline SessionGrant GrantOf(engine::SessionKind kind, std::string type) {
  SessionGrant grant;
  grant.session_id = "alice-1";
  grant.node_id = "mi-00000000000000001";
  grant.plan.kind = kind;
  grant.client_terms.session_type = std::move(type);
  return grant;
}

inline SessionGrant PortGrant(std::string type) {
  SessionGrant grant = GrantOf(engine::SessionKind::kTcp, engine::datachannel::kSessionPort);
  grant.plan.host = "localhost";
  grant.plan.port = 80;
  grant.client_terms.port = engine::datachannel::PortProperties{
      .port_number = "80", .local_port_number = "8080", .type = std::move(type)};
  return grant;
}

class GatewayWorld : private GatewaySession::Runner, private engine::datachannel::StreamConsumer {
 public:
  explicit GatewayWorld(const SessionGrant& grant)
      : link(pool, [] {}), session(grant, "token", *this, pool, &passage, now, 1) {
    link.Join(session.link(), node.mux);
    session.link().Attach(link.near_carrier());
    node.mux.Attach(link.far_carrier());
    EXPECT_TRUE(
        node.mux.SendControl(engine::kLinkStream, engine::Encode(engine::Hello{.role = "relay"})));
    client.Disconnected();
  }

  void Connect(std::string_view id = "client-1") {
    EXPECT_EQ(session.Refusal(id), "");
    is_connected = true;
    is_closed = false;
    session.Connect(std::make_unique<FakeConnection>(*this), id, now);
    client.Connected();
    Pump();
  }
  void Cut() {
    is_connected = false;
    from_session = {};
    session.Disconnect(now);
    client.Disconnected();
    Pump();
  }
  // Answer is the client's answer to the handshake.
  void Answer(std::string version = "1.2.707.0") {
    engine::datachannel::HandshakeResponse response;
    response.client_version = std::move(version);
    response.actions.push_back({.type = engine::datachannel::kActionSessionType});
    client.Send(PayloadType::kHandshakeResponse, engine::AsBytes(Encode(response)));
    Pump();
  }
  void Type(std::string_view text) {
    client.Send(PayloadType::kOutput, engine::AsBytes(text));
    Pump();
  }
  void Resize(uint16_t columns, uint16_t rows) {
    const engine::datachannel::WindowSize size{columns, rows};
    client.Send(PayloadType::kSize, engine::AsBytes(Encode(size)));
    Pump();
  }
  void Flag(engine::datachannel::SessionFlag flag) {
    client.Send(PayloadType::kFlag, Encode(flag));
    Pump();
  }
  void Open(std::string version = "1.2.707.0") {
    Connect();
    Answer(std::move(version));
  }
  void Sleep(engine::Duration duration) {
    now += duration;
    Pump();
  }

  // Pump moves everything until nothing moves.
  void Pump() {
    for (int quiet = 0; quiet < 3; ++quiet) {
      static_cast<void>(link.Run(now));  // False while a test keeps all blocks.
      if (link.closed()) session.LinkClosed();
      if (!is_over) session.Run(now);
      if (DeliverToClient()) quiet = 0;
      if (DeliverToSession()) quiet = 0;
    }
  }

  // The only stream that the node has.
  engine::FakeStream& stream() {
    EXPECT_EQ(node.streams.size(), 1u);
    return *node.streams.begin()->second;
  }
  engine::StreamId stream_id() const { return node.streams.begin()->first; }

  engine::Instant now{std::chrono::hours(1)};
  engine::BufferPool pool{256, 32 * 1024};
  FakePassage passage;
  engine::End node{engine::Side::kAccepted, {}};
  LocalLink link;
  GatewaySession session;
  DataChannel client{DataChannel::Side::kClient, {}, *this, 2};
  bool is_connected = false;
  bool is_closed = false;
  bool is_dropped = false;
  bool is_over = false;
  bool reports_sent = true;
  std::string over_reason;
  std::string last_word;  // The output of channel_closed ...
  bool has_last_word = false;
  std::optional<int> last_status;
  std::function<bool(PayloadType, engine::ByteView)> takes;  // Null: everything.
  std::vector<PayloadType> types;
  std::string output;
  std::string errors;
  std::string exit_code;
  engine::datachannel::HandshakeRequest request;
  engine::datachannel::HandshakeComplete complete;

 private:
  class FakeConnection final : public ChannelConnection {
   public:
    explicit FakeConnection(GatewayWorld& world) : world_(world) {}
    ~FakeConnection() override { world_.is_dropped = !world_.is_closed; }
    void Deliver(MessageBatch batch) override {
      for (BatchReader reader(batch); !reader.done(); reader.Pop()) {
        world_.from_session.Add(reader.front());
      }
    }
    void Close() override { world_.is_closed = true; }

   private:
    GatewayWorld& world_;
  };

  bool DeliverToClient() {
    const MessageBatch batch = std::exchange(from_session, {});
    for (BatchReader reader(batch); !reader.done(); reader.Pop()) {
      engine::datachannel::AgentMessage message;
      EXPECT_EQ(Decode(reader.front(), message), engine::datachannel::AgentMessageError::kNone);
      if (message.type == engine::datachannel::MessageType::kChannelClosed) {
        engine::datachannel::ChannelClosed closed;
        EXPECT_TRUE(Decode(message.payload, closed));
        has_last_word = true;
        last_word = closed.output;
        last_status = closed.exit_status;
      } else if (is_connected) {
        EXPECT_TRUE(client.Receive(message, now));
      }
    }
    if (reports_sent && !batch.empty()) session.Sent(batch.bytes.size());
    return !batch.empty();
  }
  bool DeliverToSession() {
    if (!is_connected) return false;
    if (client.NextDeadline() <= now) client.HandleDeadline(now);
    MessageBatch batch;
    std::array<std::byte, DataChannel::kOutgoingSizeMax> bytes;
    while (client.HasNext()) {
      const size_t size = client.NextMessage(now, 1'700'000'000'000, bytes);
      if (size == 0) break;
      batch.Add(engine::ByteView(bytes).first(size));
    }
    if (!batch.empty()) session.Receive(batch, now);
    return !batch.empty();
  }
  void Wake() override {}
  void OnOver(std::string_view reason) override {
    EXPECT_FALSE(is_over);
    is_over = true;
    over_reason = reason;
  }
  bool OnStreamData(PayloadType type, engine::ByteView payload) override {
    if (takes && !takes(type, payload)) return false;
    types.push_back(type);
    if (type == PayloadType::kOutput) output += engine::AsText(payload);
    if (type == PayloadType::kStdErr) errors += engine::AsText(payload);
    if (type == PayloadType::kExitCode) exit_code = engine::AsText(payload);
    if (type == PayloadType::kHandshakeRequest) {
      EXPECT_TRUE(Decode(payload, request));
    }
    if (type == PayloadType::kHandshakeComplete) {
      EXPECT_TRUE(Decode(payload, complete));
    }
    return true;
  }

  MessageBatch from_session;
};

}  // namespace relay
