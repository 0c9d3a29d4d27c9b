// Goal: no messages of a client, whatever the node does meanwhile, abort a session of the gateway
// or make it keep blocks; and it ends.
// Method: the first byte picks the kind of session. Then come steps: a byte that says what to do, a
// size, and so many bytes: payloads in well-formed messages, whole messages as they are, cuts, the
// node's doings, time.

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "engine/crypto/digest.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/wire/control.h"
#include "relay/gateway/gateway_session.h"
#include "relay/gateway/local_link.h"

namespace {

using engine::ByteView;
using engine::datachannel::AgentMessage;
using engine::datachannel::MessageType;
using engine::datachannel::PayloadType;
using relay::MessageBatch;

relay::SessionGrant GrantOf(unsigned kind) {
  relay::SessionGrant grant;
  grant.session_id = "s";
  grant.idle_max = std::chrono::minutes(2);
  grant.plan.kind = kind < 2 ? engine::SessionKind::kShell : engine::SessionKind::kTcp;
  if (kind == 1) grant.plan.kind = engine::SessionKind::kExec;
  grant.client_terms.session_type = kind < 2 ? "Standard_Stream" : "Port";
  grant.client_terms.separates_output = kind == 1;
  if (kind >= 2) {
    grant.client_terms.port = engine::datachannel::PortProperties{
        .port_number = "1", .type = kind == 2 ? "" : engine::datachannel::kLocalPortForwarding};
  }
  return grant;
}

// Node takes every stream and everything on it.
class Node final : public engine::LinkEvents {
 public:
  struct Stream final : engine::StreamEvents {
    void OnData(engine::Channel, engine::BufferRef payload) override {
      node->mux.Consume(id, payload.size());
    }
    void OnFinished() override {}
    void OnClosed(engine::CloseCode, std::string_view) override { is_closed = true; }
    Node* node = nullptr;
    engine::StreamId id{};
    bool is_closed = false;
    bool is_finished = false;  // By the node.
  };

  explicit Node(engine::Instant now) : mux(engine::Side::kAccepted, {}, *this, pool, now) {}

  void OnOpen(engine::StreamId id, engine::Priority, ByteView) override {
    if (++open_count % 5 == 0) return mux.Reject(id, engine::CloseCode::kDenied, "the fifth");
    auto stream = std::make_unique<Stream>();
    stream->node = this;
    stream->id = id;
    CHECK(mux.Accept(id, *stream));
    streams[id] = std::move(stream);
  }
  void OnControl(ByteView) override {}
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view) override { CHECK(false); }

  void Do(unsigned what, ByteView bytes) {
    if (streams.empty()) return;
    Stream& stream = what % 2 == 0 ? *streams.begin()->second : *streams.rbegin()->second;
    if (stream.is_closed) return;
    const unsigned choice = what / 2 % 5;
    if (choice == 0) {
      stream.is_finished = true;
      return mux.Finish(stream.id);
    }
    if (choice == 1) {
      stream.is_closed = true;
      return mux.Reset(stream.id, engine::CloseCode::kConnectionReset, "reset");
    }
    if (choice == 2) {
      (void)mux.SendControl(stream.id, R"({"type":"exit","status":1})");
      return;
    }
    if (stream.is_finished) return;
    engine::BufferRef block = pool.Take();
    if (block.empty()) return;
    std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
    block.KeepFirst(bytes.size());
    (void)mux.Write(stream.id, choice == 3 ? engine::Channel::kMain : engine::Channel::kStderr,
                    std::move(block));
  }

  engine::BufferPool pool{256, 16 * 1024};
  engine::Multiplexer mux;
  std::map<engine::StreamId, std::unique_ptr<Stream>> streams;
  unsigned open_count = 0;
};

class Sink final : public relay::ChannelConnection {
 public:
  explicit Sink(size_t& delivered) : delivered_(delivered) {}
  void Deliver(MessageBatch batch) override { delivered_ += batch.bytes.size(); }
  void Close() override {}

 private:
  size_t& delivered_;
};

class World final : public relay::GatewaySession::Runner {
 public:
  explicit World(unsigned kind)
      : link(pool, [] {}), session(GrantOf(kind), "t", *this, pool, nullptr, now, 1) {
    link.Join(session.link(), node.mux);
    session.link().Attach(link.near_carrier());
    node.mux.Attach(link.far_carrier());
    CHECK(
        node.mux.SendControl(engine::kLinkStream, engine::Encode(engine::Hello{.role = "relay"})));
    Connect();
  }
  void Connect() {
    if (!session.Refusal("c").empty()) return;
    session.Connect(std::make_unique<Sink>(delivered), "c", now);
  }
  void Run() {
    for (int i = 0; i < 3 && !is_over; ++i) {
      CHECK(link.Run(now));
      if (link.closed()) session.LinkClosed();
      session.Run(now);
      CHECK(delivered <= relay::GatewaySession::kUnsentMax + 40'000);
      session.Sent(std::exchange(delivered, 0));
    }
  }
  void Say(PayloadType type, int64_t sequence, ByteView payload) {
    if (payload.empty()) return;
    AgentMessage message{.type = MessageType::kInputStreamData,
                         .created_ms = 1,
                         .sequence = sequence,
                         .payload_type = type,
                         .payload = payload};
    std::string bytes(engine::datachannel::kAgentPayloadOffset + payload.size(), '\0');
    engine::datachannel::Encode(message, std::as_writable_bytes(std::span(bytes)));
    SayRaw(engine::AsBytes(bytes));
  }
  void SayRaw(ByteView bytes) {
    MessageBatch batch;
    batch.Add(bytes);
    session.Receive(batch, now);
  }
  engine::Instant now{std::chrono::hours(1)};
  engine::BufferPool pool{256, 32 * 1024};
  Node node{now};
  relay::LocalLink link;
  relay::GatewaySession session;
  size_t delivered = 0;
  bool is_over = false;

 private:
  void Wake() override {}
  void OnOver(std::string_view) override { is_over = true; }
};

void Step(World& world, unsigned what, ByteView bytes, int64_t& sequence) {
  switch (what % 16) {
    case 13:
      return world.SayRaw(bytes);
    case 14:
      world.session.Disconnect(world.now);
      if (what & 0x10) world.Connect();
      return;
    case 15:
      if (what & 0x20) world.now += std::chrono::milliseconds(1 + bytes.size() * 500);
      if ((what & 0x20) == 0 && !bytes.empty()) {
        world.node.Do(std::to_integer<unsigned>(bytes[0]), bytes);
      }
      return;
    default: {
      const int64_t number =
          what & 0x40 ? sequence + static_cast<int64_t>(bytes.size()) - 4 : sequence++;
      world.Say(static_cast<PayloadType>(what % 16), number, bytes);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  World world(data[0] % 4);
  ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  int64_t sequence = 0;
  world.Run();
  while (input.size() >= 2 && !world.is_over) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const size_t count = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    Step(world, what, input.subspan(2, count), sequence);
    input = input.subspan(2 + count);
    world.Run();
  }
  world.session.End("done");
  for (int i = 0; i < 3 && !world.is_over; ++i) {
    world.now += std::chrono::seconds(2);
    world.Run();
  }
  CHECK(world.is_over || world.session.NextDeadline() < world.now + std::chrono::minutes(2));
  return 0;
}
