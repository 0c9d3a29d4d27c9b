// Goal: two ports join a client's and an agent's stream so that bytes, ends and credit pass
// through, and a peer that breaks the rules loses its own link only. Method: real multiplexers at
// both ends, or hand-made frames; everything in memory.

#include "relay/switchboard/switch_port.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/mux/mux_pair.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::BufferPool;
using engine::BufferRef;
using engine::CloseCode;
using engine::End;
using engine::FakeCarrier;
using engine::FakeStream;
using engine::FrameText;
using engine::FrameType;
using engine::Instant;
using engine::Side;

constexpr uint32_t kBlockSize = 32 * 1024;

// FakeRole joins every open to the port it is told of.
struct FakeRole final : SwitchPort::Events {
  void OnHello(const engine::Hello& hello) override {
    ++hello_count;
    port->SendHello(hello);
  }
  void OnControl(const engine::ControlMessage&) override {}
  void OnOpen(engine::StreamId id, engine::Priority priority, uint64_t limit,
              std::string_view request) override {
    last_id = id;
    if (node_port == nullptr) return port->Reject(id, CloseCode::kDenied, "not allowed");
    static_cast<void>(port->Connect(id, priority, *node_port, /*serial=*/1, limit, request));
  }
  void OnCircuitEnded(Circuit& circuit, CloseCode code) override {
    ++ended_count;
    ended_code = code;
    to_node_bytes += circuit.client.flow.received();
    to_client_bytes += circuit.node.flow.received();
  }
  void OnFailed(CloseCode code, std::string_view text) override {
    failed_code = code;
    failed_text = std::string(text);
  }

  void OnIdle() override { ++idle_count; }

  int idle_count = 0;
  SwitchPort* port = nullptr;
  SwitchPort* node_port = nullptr;
  engine::StreamId last_id{};
  int hello_count = 0;
  int ended_count = 0;
  uint64_t to_node_bytes = 0;
  uint64_t to_client_bytes = 0;
  CloseCode ended_code{};
  CloseCode failed_code{};
  std::string failed_text;
};

class SwitchPortTest : public testing::Test {
 protected:
  SwitchPortTest() {
    client_role.port = &client_port;
    client_role.node_port = &agent_port;
    agent_role.port = &agent_port;
    engine::Hello hello;
    hello.role = "test";
    EXPECT_TRUE(client.mux.SendControl(engine::kLinkStream, engine::Encode(hello)));
    EXPECT_TRUE(agent.mux.SendControl(engine::kLinkStream, engine::Encode(hello)));
    Pump();
  }
  ~SwitchPortTest() override {
    client_port.EndAll(CloseCode::kNormal, {});
    agent_port.EndAll(CloseCode::kNormal, {});
    EXPECT_EQ(client_port.circuit_count(), 0u);
    EXPECT_EQ(agent_port.circuit_count(), 0u);
  }

  void Feed(SwitchPort& port, std::string_view bytes) {
    while (!bytes.empty()) {
      const BufferRef block = pool.Take();
      const size_t size = std::min(bytes.size(), block.size());
      std::memcpy(block.bytes().data(), bytes.data(), size);
      port.Receive(block.Share(0, size), now);
      bytes.remove_prefix(size);
    }
  }

  // Output returns what a port has to send; with `record_count_max`, only some of it.
  std::string Output(SwitchPort& port, size_t record_count_max = SIZE_MAX) {
    std::string bytes;
    for (size_t record = 0; record < record_count_max; ++record) {
      std::array<engine::ByteView, engine::kRecordSlicesMax> slices;
      const size_t count = port.GatherRecord(slices, now);
      if (count == 0) break;
      for (size_t i = 0; i < count; ++i) bytes += engine::AsText(slices[i]);
      port.RecordTaken();
    }
    return bytes;
  }

  static std::string Joined(const std::vector<std::string>& records) {
    std::string bytes;
    for (const std::string& record : records) bytes += record;
    return bytes;
  }

  // Pump moves bytes until all four are silent.
  void Pump() {
    while (true) {
      const std::string from_client = Joined(client.Gathered(now));
      const std::string from_agent = Joined(agent.Gathered(now));
      Feed(client_port, from_client);
      Feed(agent_port, from_agent);
      const std::string to_client = Output(client_port);
      const std::string to_agent = Output(agent_port);
      client.Receive(to_client, now);
      agent.Receive(to_agent, now);
      if (from_client.empty() && from_agent.empty() && to_client.empty() && to_agent.empty()) {
        return;
      }
    }
  }

  Instant now{std::chrono::seconds(1)};
  BufferPool pool{2048, kBlockSize};
  FakeCarrier client_carrier, agent_carrier;
  FakeRole client_role, agent_role;
  SwitchPort client_port{{.peer_opens = true}, client_carrier, pool, client_role, now};
  SwitchPort agent_port{{.peer_opens = false}, agent_carrier, pool, agent_role, now};
  End client{Side::kConnected, {}};
  End agent{Side::kConnected, {}};
};

TEST_F(SwitchPortTest, CarriesBytesBothWaysAndTheEndOfEach) {
  FakeStream& stream = client.Open(engine::Priority::kInteractive, R"({"kind":"x"})");
  Pump();
  ASSERT_TRUE(stream.is_accepted);
  ASSERT_EQ(agent.requests.size(), 1u);
  EXPECT_EQ(agent.requests[0], R"({"kind":"x"})");
  EXPECT_EQ(agent.priorities[0], engine::Priority::kInteractive);
  FakeStream& other = *agent.streams.begin()->second;

  client.Write(stream.id, "question");
  agent.Write(other.id, "answer");
  agent.Write(other.id, "complaint", engine::Channel::kStderr);
  client.mux.Finish(stream.id);
  Pump();
  EXPECT_EQ(other.main, "question");
  EXPECT_TRUE(other.is_finished);
  EXPECT_EQ(stream.main, "answer");
  EXPECT_EQ(stream.standard_error, "complaint");
  EXPECT_EQ(client_role.ended_count, 0);

  EXPECT_TRUE(agent.mux.SendControl(other.id, R"({"type":"exit","status":7})"));
  agent.mux.Finish(other.id);
  Pump();
  EXPECT_EQ(stream.controls.size(), 1u);
  EXPECT_TRUE(stream.is_closed);
  EXPECT_EQ(stream.code, CloseCode::kNormal);
  EXPECT_EQ(client_role.ended_count, 1);
  EXPECT_EQ(client_role.to_node_bytes, 8u);
  EXPECT_EQ(client_role.to_client_bytes, 15u);
}

TEST_F(SwitchPortTest, WhatCarriesNoDataForTooLongIsIdleAndDataEitherWayIsNot) {
  client_port.LimitIdle(std::chrono::seconds(60), now);
  FakeStream& stream = client.Open();
  Pump();
  FakeStream& other = *agent.streams.begin()->second;
  // Deadlines come as the carrier would bring them; pings keep the links alive, and are no data.
  const auto pass = [this](int seconds) {
    for (const Instant end = now + std::chrono::seconds(seconds); now < end;) {
      now += std::chrono::seconds(1);
      for (SwitchPort* port : {&client_port, &agent_port}) {
        if (now >= port->NextDeadline()) port->HandleDeadline(now);
      }
      for (End* end_point : {&client, &agent}) {
        if (now >= end_point->mux.NextDeadline()) end_point->mux.HandleDeadline(now);
      }
      Pump();
    }
  };
  pass(59);
  client.Write(stream.id, "x");
  Pump();
  pass(59);
  agent.Write(other.id, "y");
  Pump();
  pass(59);
  EXPECT_EQ(client_role.idle_count, 0);
  pass(2);
  EXPECT_GT(client_role.idle_count, 0);
  EXPECT_EQ(agent_role.idle_count, 0);
}

TEST_F(SwitchPortTest, MovesMuchMoreThanAnyWindowUnchanged) {
  FakeStream& stream = client.Open();
  Pump();
  FakeStream& other = *agent.streams.begin()->second;
  std::string sent;
  engine::Random random(7);
  while (sent.size() < 6 * 1024 * 1024) {
    std::string piece(random.Range(1, 20'000), '\0');
    for (char& c : piece) c = static_cast<char>(random.Next());
    const size_t taken = client.Write(stream.id, piece);
    sent += piece.substr(0, taken);
    if (taken < piece.size()) Pump();
  }
  Pump();
  EXPECT_TRUE(other.main == sent);
}

TEST_F(SwitchPortTest, HoldsABoundedPartOfAStreamWhoseReaderStopped) {
  FakeStream& stream = client.Open();
  Pump();
  FakeStream& other = *agent.streams.begin()->second;
  other.consumes = false;
  const uint16_t free_before = pool.free_count();
  const std::string piece(16'000, 'x');
  for (int round = 0; round < 1000; ++round) {
    client.Write(stream.id, piece);
    // The agent's link is stuck: what the relay has for it stays.
    Feed(client_port, Joined(client.Gathered(now)));
    client.Receive(Output(client_port), now);
  }
  const size_t held = size_t{free_before} - pool.free_count();
  EXPECT_LE(held * kBlockSize, 3 * LinkBudget::kFlowHeldMax);
  other.consumes = true;
  Pump();
}

TEST_F(SwitchPortTest, OutputAndErrorsInTurnWaitForAClientThatDoesNotRead) {
  FakeStream& stream = client.Open();
  Pump();
  FakeStream& other = *agent.streams.begin()->second;
  constexpr int kCount = 5000;  // Each with other flags than the one before: none can be joined.
  for (int i = 0; i < kCount; ++i) {
    agent.Write(other.id, i % 2 == 0 ? "out" : "err",
                i % 2 == 0 ? engine::Channel::kMain : engine::Channel::kStderr);
    Feed(agent_port, Joined(agent.Gathered(now)));  // And nothing goes on to the client.
  }
  EXPECT_EQ(client_role.ended_count, 0);
  Pump();
  EXPECT_EQ(stream.main.size(), 3u * kCount / 2);
  EXPECT_EQ(stream.standard_error.size(), 3u * kCount / 2);
}

TEST_F(SwitchPortTest, PassesOnAResetAndARejectWithTheirReasons) {
  FakeStream& stream = client.Open();
  Pump();
  agent.mux.Reset(agent.streams.begin()->first, CloseCode::kConnectionReset, "target died");
  Pump();
  EXPECT_TRUE(stream.is_closed);
  EXPECT_EQ(stream.code, CloseCode::kConnectionReset);
  EXPECT_EQ(stream.text, "target died");

  agent.on_open = [this](engine::StreamId id) {
    agent.mux.Reject(id, CloseCode::kConnectionRefused, "nobody listens");
  };
  FakeStream& refused = client.Open();
  Pump();
  EXPECT_TRUE(refused.is_rejected);
  EXPECT_EQ(refused.code, CloseCode::kConnectionRefused);
  EXPECT_EQ(refused.text, "nobody listens");
  EXPECT_EQ(client_role.ended_count, 2);
}

TEST_F(SwitchPortTest, TellsTheClientWhenTheNodeIsGone) {
  FakeStream& open = client.Open();
  Pump();
  agent.on_open = [](engine::StreamId) {};
  FakeStream& waiting = client.Open();
  Pump();
  agent_port.EndAll(CloseCode::kNodeGone, "the connection to the node was lost");
  Pump();
  EXPECT_EQ(open.code, CloseCode::kNodeGone);
  EXPECT_TRUE(open.is_closed);
  EXPECT_TRUE(waiting.is_rejected) << "an open that was never answered is rejected";
  EXPECT_FALSE(client.is_failed);
}

TEST_F(SwitchPortTest, ResetsBothSidesWhenTheSessionEnds) {
  FakeStream& stream = client.Open();
  Pump();
  client_port.Goaway(CloseCode::kSessionEnded, "terminated by admin");
  Pump();
  EXPECT_TRUE(client.is_goaway);
  EXPECT_EQ(client.text, "terminated by admin");
  EXPECT_TRUE(client_carrier.is_closing);
  EXPECT_TRUE(agent.streams.begin()->second->is_closed);
  EXPECT_FALSE(agent.is_failed);
  EXPECT_TRUE(stream.is_closed || client.is_goaway);
}

TEST_F(SwitchPortTest, DrainsByLettingWhatIsOpenEndByItself) {
  FakeStream& stream = client.Open();
  Pump();
  FakeStream& other = *agent.streams.begin()->second;
  agent_port.Drain(CloseCode::kShuttingDown, "stopping");
  client_port.Drain(CloseCode::kShuttingDown, "stopping");
  Pump();
  EXPECT_FALSE(stream.is_closed);
  EXPECT_FALSE(client_carrier.is_closing);
  agent.Write(other.id, "the last words");
  agent.mux.Finish(other.id);
  client.mux.Finish(stream.id);
  Pump();
  EXPECT_EQ(stream.main, "the last words");
  EXPECT_EQ(stream.code, CloseCode::kNormal);
  EXPECT_TRUE(client_carrier.is_closing);
  EXPECT_TRUE(agent_carrier.is_closing);
}

TEST_F(SwitchPortTest, IgnoresFramesThatCrossedWithAReset) {
  client.Open();
  Pump();
  const uint32_t agent_id = static_cast<uint32_t>(agent.streams.begin()->first);
  client_port.EndAll(CloseCode::kSessionEnded, {});
  Feed(agent_port, FrameText(FrameType::kData, 0, agent_id, "late"));
  EXPECT_EQ(agent_role.failed_code, CloseCode::kNormal);
}

// Lie is one illegal first frame after the hello, and what the relay calls it.
struct Lie {
  const char* name;
  bool from_client;
  std::string bytes;
  CloseCode code;
};

// Unanswered is a stream that a client opens, and what it sends on it before anybody can answer.
std::string Unanswered(FrameType type, std::string_view payload) {
  return FrameText(FrameType::kOpen, 0, 3, engine::Big64(0) + "{}") +
         FrameText(type, 0, 3, payload);
}

class SwitchPortLieTest : public SwitchPortTest, public testing::WithParamInterface<Lie> {};

TEST_P(SwitchPortLieTest, EndsThatLinkAndNoOther) {
  FakeStream& honest = client.Open();
  Pump();
  SwitchPort& port = GetParam().from_client ? client_port : agent_port;
  FakeRole& role = GetParam().from_client ? client_role : agent_role;
  FakeRole& other = GetParam().from_client ? agent_role : client_role;
  Feed(port, GetParam().bytes);
  EXPECT_EQ(role.failed_code, GetParam().code) << role.failed_text;
  EXPECT_FALSE(role.failed_text.empty());
  EXPECT_EQ(other.failed_code, CloseCode::kNormal);
  Pump();
  if (!GetParam().from_client) {
    EXPECT_TRUE(honest.is_closed);
  }
  Feed(port, GetParam().bytes);  // Nothing is looked at any more.
}

INSTANTIATE_TEST_SUITE_P(
    Lies, SwitchPortLieTest,
    testing::Values(
        Lie{"UnknownType", true, FrameText(0x7F, 0, 1, "x"), CloseCode::kProtocolError},
        Lie{"UnknownFlag", true, FrameText(FrameType::kData, 0x80, 1, "x"),
            CloseCode::kProtocolError},
        Lie{"EvenId", true, FrameText(FrameType::kOpen, 0, 2, engine::Big64(0) + "{}"),
            CloseCode::kProtocolError},
        Lie{"UsedId", true, FrameText(FrameType::kOpen, 0, 1, engine::Big64(0) + "{}"),
            CloseCode::kProtocolError},
        Lie{"NeverOpened", true, FrameText(FrameType::kData, 0, 9, "x"), CloseCode::kProtocolError},
        Lie{"AcceptFromAClient", true, FrameText(FrameType::kAccept, 0, 1, engine::Big64(9)),
            CloseCode::kProtocolError},
        Lie{"DataBeforeTheAnswer", true, Unanswered(FrameType::kData, "x"),
            CloseCode::kProtocolError},
        Lie{"FinishBeforeTheAnswer", true, Unanswered(FrameType::kFinish, engine::Big64(0)),
            CloseCode::kProtocolError},
        Lie{"CreditBeforeTheAnswer", true,
            Unanswered(FrameType::kCredit, engine::Big64(0) + engine::Big64(1u << 20)),
            CloseCode::kProtocolError},
        Lie{"ControlBeforeTheAnswer", true, Unanswered(FrameType::kControl, R"({"type":"notice"})"),
            CloseCode::kProtocolError},
        Lie{"OpenFromAnAgent", false, FrameText(FrameType::kOpen, 0, 3, engine::Big64(0) + "{}"),
            CloseCode::kProtocolError},
        Lie{"SecondAccept", false, FrameText(FrameType::kAccept, 0, 2, engine::Big64(9)),
            CloseCode::kProtocolError},
        Lie{"CreditForNothing", false,
            FrameText(FrameType::kCredit, 0, 2, engine::Big64(99) + engine::Big64(1u << 30)),
            CloseCode::kProtocolError},
        Lie{"CreditTakenBack", false,
            FrameText(FrameType::kCredit, 0, 2, engine::Big64(0) + engine::Big64(1)),
            CloseCode::kProtocolError},
        Lie{"FinishElsewhere", true, FrameText(FrameType::kFinish, 0, 1, engine::Big64(5)),
            CloseCode::kProtocolError},
        Lie{"DataAfterFinish", true,
            FrameText(FrameType::kFinish, 0, 1, engine::Big64(0)) +
                FrameText(FrameType::kData, 0, 1, "x"),
            CloseCode::kProtocolError},
        Lie{"BrokenMessage", true, FrameText(FrameType::kControl, 0, 0, "{"),
            CloseCode::kProtocolError}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(SwitchPortTest, NamesDataBeyondTheLimit) {
  FakeStream& stream = client.Open();
  Pump();
  const std::string data =
      FrameText(FrameType::kData, 0, static_cast<uint32_t>(stream.id), std::string(16'000, 'x'));
  for (int i = 0; i < 200 && client_role.failed_text.empty(); ++i) Feed(client_port, data);
  EXPECT_EQ(client_role.failed_code, CloseCode::kFlowControl);
}

TEST_F(SwitchPortTest, AnswersEveryOpenOfAFloodInBoundedMemory) {
  client_role.node_port = nullptr;
  uint32_t id = 101;
  for (int i = 0; i < 100'000 && client_role.failed_text.empty(); ++i, id += 2) {
    Feed(client_port, FrameText(FrameType::kOpen, 0, id, engine::Big64(0) + "{}"));
  }
  EXPECT_EQ(client_role.failed_code, CloseCode::kTooMany)
      << "a peer that does not read its rejects";
}

TEST_F(SwitchPortTest, GivesUpALinkThatSaysNothing) {
  now += engine::kAcceptedLiveness.first_ping + engine::Liveness::kTick;
  client_port.HandleDeadline(now);
  EXPECT_FALSE(Output(client_port).empty()) << "a ping";
  now += engine::kAcceptedLiveness.silence_max - engine::kAcceptedLiveness.first_ping;
  client_port.HandleDeadline(now);
  EXPECT_EQ(client_role.failed_code, CloseCode::kSilent);
}

TEST_F(SwitchPortTest, ANodeIsAskedMoreRarelyWhileNobodyWaitsForIt) {
  now += std::chrono::minutes(2);
  Feed(agent_port, FrameText(FrameType::kPing, engine::kFlagAnswer, 0, engine::Big64(1)));
  const auto rest = engine::Resting(engine::kAcceptedLiveness).rest;
  EXPECT_GE(agent_port.NextDeadline(), now + engine::kAcceptedLiveness.first_ping + rest);
  now += std::chrono::seconds(20);
  agent_port.Stir(now);
  EXPECT_LE(agent_port.NextDeadline(), now + engine::Liveness::kTick);
  Feed(client_port, FrameText(FrameType::kPing, engine::kFlagAnswer, 0, engine::Big64(1)));
  EXPECT_LE(client_port.NextDeadline(),
            now + engine::kAcceptedLiveness.first_ping + engine::Liveness::kTick);
}

TEST(SwitchPortHelloTest, AsksForAHelloFirstAndInTime) {
  BufferPool pool(16, kBlockSize);
  FakeCarrier carrier;
  const Instant start{std::chrono::seconds(1)};
  {
    FakeRole role;
    SwitchPort port({.peer_opens = true}, carrier, pool, role, start);
    role.port = &port;
    const std::string bytes = FrameText(FrameType::kPing, 0, 0, engine::Big64(1));
    const BufferRef block = pool.Take();
    std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
    port.Receive(block.Share(0, bytes.size()), start);
    EXPECT_EQ(role.failed_code, CloseCode::kProtocolError);
  }
  FakeRole role;
  SwitchPort port({.peer_opens = true}, carrier, pool, role, start);
  EXPECT_LE(port.NextDeadline(), start + std::chrono::seconds(10));
  port.HandleDeadline(start + std::chrono::seconds(10));
  EXPECT_EQ(role.failed_code, CloseCode::kTimedOut);
}

}  // namespace
}  // namespace relay
