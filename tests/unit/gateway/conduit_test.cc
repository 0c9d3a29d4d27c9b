// Goal: commands and ports do for an AWS client what an agent of AWS's does. Method: as in
// gateway_session_test.cc, with the client's half of smux where it multiplexes.

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "engine/buffer/dry_pool.h"
#include "engine/datachannel/smux_session.h"
#include "relay/gateway/multiplexed_conduit.h"
#include "relay/gateway/port_conduit.h"
#include "tests/unit/gateway/gateway_world.h"

namespace relay {
namespace {

using engine::CloseCode;
using engine::datachannel::kLocalPortForwarding;
using engine::datachannel::SessionFlag;
using engine::datachannel::SmuxSession;
using std::chrono::seconds;

SessionGrant CommandGrant(bool separates_output) {
  SessionGrant grant = GrantOf(engine::SessionKind::kExec, "NonInteractiveCommands");
  grant.plan.command = "make";
  grant.client_terms.separates_output = separates_output;
  return grant;
}

void WriteBoth(GatewayWorld& world) {
  world.node.Write(world.stream_id(), "a");
  world.node.Write(world.stream_id(), "b", engine::Channel::kStderr);
  world.node.Write(world.stream_id(), "c", engine::Channel::kStderr);
  world.node.Write(world.stream_id(), "d");
}

void Exit(GatewayWorld& world, std::string_view exit) {
  EXPECT_TRUE(world.node.mux.SendControl(world.stream_id(), exit));
  world.node.mux.Finish(world.stream_id());
  world.Pump();
}

TEST(ProgramConduit, StartsACommandAtOnceAndSaysItsOutputInOrder) {
  GatewayWorld world(CommandGrant(false));
  world.Open();
  ASSERT_EQ(world.node.requests.size(), 1u);
  WriteBoth(world);
  Exit(world, R"({"type":"exit","status":2})");
  EXPECT_EQ(world.output, "abcd");
  EXPECT_EQ(world.errors, "");
  EXPECT_EQ(world.exit_code, "");
  EXPECT_TRUE(world.is_over);
}

TEST(ProgramConduit, SaysStandardErrorApartAndTheExitCodeWhereTheDocumentWantsIt) {
  SessionGrant grant = CommandGrant(true);
  grant.client_terms.output_prefix = "O:";
  grant.client_terms.error_prefix = "E:";
  GatewayWorld world(grant);
  world.Open();
  EXPECT_EQ(world.complete.customer_message, "");
  WriteBoth(world);
  Exit(world, R"({"type":"exit","status":2})");
  EXPECT_EQ(world.output, "O:aO:d");
  EXPECT_EQ(world.errors, "E:bc");
  EXPECT_EQ(world.exit_code, "EXIT_CODE: 2");
  EXPECT_EQ(world.passage.errors, "E:bc");
}

TEST(ProgramConduit, SaysThatASignalEndedIt) {
  GatewayWorld world(CommandGrant(true));
  world.Open();
  Exit(world, R"({"type":"exit","status":0,"signal":"KILL"})");
  EXPECT_EQ(world.exit_code, "EXIT_CODE: -1");
}

TEST(ProgramConduit, AsksAnOldClientToUpdateWhereOutputIsApart) {
  GatewayWorld world(CommandGrant(true));
  world.Open("1.2.295.0");
  EXPECT_NE(world.complete.customer_message.find("1.2.312.0"), std::string::npos);
}

TEST(ProgramConduit, TakesNoInputWithoutATerminalButSignals) {
  GatewayWorld world(CommandGrant(false));
  world.Open();
  world.Type("text");
  world.Type("\x03");
  world.Type("\x1c");
  world.Resize(90, 20);
  EXPECT_EQ(world.stream().main, "");
  ASSERT_EQ(world.stream().controls.size(), 2u);
  EXPECT_NE(world.stream().controls[0].find("INT"), std::string::npos);
  EXPECT_NE(world.stream().controls[1].find("QUIT"), std::string::npos);
}

TEST(PortConduit, CarriesOneConnectionAndEndsWithIt) {
  GatewayWorld world(PortGrant(""));
  world.Open();
  ASSERT_EQ(world.node.requests.size(), 1u);
  world.Type("SSH-2.0-client");
  EXPECT_EQ(world.stream().main, "SSH-2.0-client");
  const std::string much(50'000, 's');
  world.node.Write(world.stream_id(), much);
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  EXPECT_EQ(world.output, much);
  EXPECT_TRUE(world.has_last_word);
  EXPECT_EQ(world.last_word, "");
}

TEST(PortConduit, SaysWhyTheTargetWasNotReached) {
  GatewayWorld world(PortGrant(""));
  world.node.on_open = [&world](engine::StreamId id) {
    world.node.mux.Reject(id, CloseCode::kConnectionRefused, "nobody listens");
  };
  world.Open();
  EXPECT_EQ(world.last_word, "Unable to connect to specified port: nobody listens");
}

TEST(PortConduit, DialsAgainForAClientThatConnectsAgain) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open("1.1.61.0");
  world.Type("one");
  engine::FakeStream& first = world.stream();
  world.Flag(SessionFlag::kDisconnectToPort);
  EXPECT_TRUE(first.is_finished) << "what was sent arrives, and then the end";
  EXPECT_EQ(first.main, "one");
  world.node.Write(first.id, "nobody hears this");
  world.Type("two");
  ASSERT_EQ(world.node.streams.size(), 2u);
  EXPECT_EQ(world.node.streams.rbegin()->second->main, "two");
  EXPECT_EQ(world.output, "");
  world.Flag(SessionFlag::kTerminateSession);
  EXPECT_TRUE(world.has_last_word);
}

TEST(PortConduit, WhatComesBehindTheEndOfTheTargetIsPassedOver) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open("1.1.61.0");
  world.Type("one");
  engine::FakeStream& first = world.stream();
  // The target reads nothing, so that the end of our half waits behind input without credit; and
  // the client takes nothing, so that the connection stays.
  first.consumes = false;
  const std::string kilobyte(1000, 'k');
  for (int i = 0; i < 290; ++i) {
    world.client.Send(engine::datachannel::PayloadType::kOutput, engine::AsBytes(kilobyte));
    world.Pump();
  }
  world.takes = [](engine::datachannel::PayloadType, engine::ByteView) { return false; };
  for (int i = 0; i < 42; ++i) {
    world.node.Write(first.id, std::string(50'000, 'o'));
    world.Pump();
  }
  world.node.mux.Finish(first.id);
  world.Pump();
  world.Type("more");
  world.Flag(SessionFlag::kDisconnectToPort);
  EXPECT_FALSE(world.is_over);
  first.consumes = true;
  first.ConsumeAll();
  world.Pump();
  EXPECT_EQ(first.main.find("more"), std::string::npos);
}

TEST(PortConduit, ABoundedNumberOfConnectionsIsLeftBehind) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open("1.1.61.0");
  for (int i = 0; i < 100; ++i) {
    world.Type("x");
    world.Flag(SessionFlag::kDisconnectToPort);
  }
  size_t open = 0;
  for (const auto& [id, stream] : world.node.streams) open += stream->is_closed ? 0 : 1;
  EXPECT_LE(open, PortConduit::kLeavingMax);
}

// SmuxClient is a client that multiplexes.
class SmuxClient final : private SmuxSession::Handler {
 public:
  explicit SmuxClient(GatewayWorld& world)
      : smux(SmuxSession::Side::kClient, {}, *this), world_(world) {}

  void Pump() {
    for (int i = 0; i < 4; ++i) {
      std::array<std::byte, engine::datachannel::kStreamPayloadMax> payload;
      while (smux.HasOutput() && world_.client.HasRoom()) {
        const size_t size = smux.Gather(payload);
        world_.client.Send(PayloadType::kOutput, engine::ByteView(payload).first(size));
      }
      world_.Pump();
      EXPECT_TRUE(smux.Receive(engine::AsBytes(std::exchange(world_.output, {}))));
    }
  }
  uint32_t Open(std::string_view text) {
    const uint32_t id = smux.Open();
    EXPECT_EQ(smux.Write(id, engine::AsBytes(text)), text.size());
    Pump();
    return id;
  }

  SmuxSession smux;
  std::map<uint32_t, std::string> heard;
  std::map<uint32_t, bool> finished;

 private:
  void OnOpened(uint32_t) override { ADD_FAILURE() << "a machine opens no streams"; }
  size_t OnData(uint32_t id, engine::ByteView bytes) override {
    heard[id] += engine::AsText(bytes);
    return bytes.size();
  }
  void OnFinished(uint32_t id) override { finished[id] = true; }
  void OnRoom(uint32_t) override {}

  GatewayWorld& world_;
};

TEST(MultiplexedConduit, SaysNothingBeforeTheClientDoes) {  // P4
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  EXPECT_EQ(world.request.properties->port_number, "80");
  EXPECT_EQ(world.types.back(), PayloadType::kHandshakeComplete);
  world.Sleep(seconds(5));
  EXPECT_EQ(world.types.back(), PayloadType::kHandshakeComplete);
  EXPECT_TRUE(world.node.requests.empty());
}

TEST(MultiplexedConduit, EachConnectionIsAStreamOfItsOwn) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  SmuxClient client(world);
  const uint32_t first = client.Open("question 1");
  const uint32_t second = client.Open("question 2");
  ASSERT_EQ(world.node.streams.size(), 2u);
  engine::FakeStream& one = *world.node.streams.begin()->second;
  engine::FakeStream& two = *world.node.streams.rbegin()->second;
  EXPECT_EQ(one.main, "question 1");
  EXPECT_EQ(two.main, "question 2");
  const std::string much(300'000, '2');
  world.node.Write(two.id, much);
  world.node.Write(one.id, "answer 1");
  world.node.mux.Finish(one.id);
  for (int i = 0; i < 20; ++i) client.Pump();
  EXPECT_EQ(client.heard[first], "answer 1");
  EXPECT_TRUE(client.finished[first]);
  EXPECT_EQ(client.heard[second].size(), 256u * 1024u) << "all that the queue took";
  client.smux.Finish(first);
  client.Pump();
  EXPECT_TRUE(one.is_closed);
}

TEST(MultiplexedConduit, TellsOfATargetThatCannotBeReachedAndGoesOn) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.node.on_open = [&world](engine::StreamId id) {
    world.node.mux.Reject(id, CloseCode::kConnectionRefused, "nobody listens");
  };
  world.Open();
  SmuxClient client(world);
  const uint32_t id = client.Open("hello?");
  EXPECT_TRUE(client.finished[id]);
  EXPECT_NE(std::ranges::find(world.types, PayloadType::kFlag), world.types.end());
  EXPECT_FALSE(world.has_last_word);
}

TEST(MultiplexedConduit, AResetEndsOneConnectionAndNoOther) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  SmuxClient client(world);
  const uint32_t first = client.Open("a");
  const uint32_t second = client.Open("b");
  world.node.mux.Reset(world.node.streams.begin()->first, CloseCode::kConnectionReset);
  client.Pump();
  EXPECT_TRUE(client.finished[first]);
  world.node.Write(world.node.streams.rbegin()->first, "still");
  client.Pump();
  EXPECT_EQ(client.heard[second], "still");
}

TEST(MultiplexedConduit, GivesUpATargetThatNeverEndsAfterItsClient) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  SmuxClient client(world);
  const uint32_t id = client.Open("a");
  client.smux.Finish(id);
  client.Pump();
  EXPECT_TRUE(world.stream().is_finished);
  EXPECT_FALSE(world.stream().is_closed);
  world.Sleep(seconds(20));
  world.node.Write(world.stream_id(), "a late byte counts");
  client.Pump();
  for (int i = 0; i < 2; ++i) world.Sleep(seconds(14));
  EXPECT_FALSE(world.stream().is_closed);
  for (int i = 0; i < 3; ++i) world.Sleep(seconds(14));
  client.Pump();
  EXPECT_TRUE(world.stream().is_closed);
  EXPECT_TRUE(client.finished[id]);
}

TEST(MultiplexedConduit, GoesOnWhenThePoolHasBlocksAgain) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  SmuxClient client(world);
  const uint32_t id = client.Open("a");
  std::vector<engine::BufferRef> taken;
  while (world.pool.free_count() > 0) taken.push_back(world.pool.Take());
  EXPECT_EQ(client.smux.Write(id, engine::AsBytes(std::string_view("bcd"))), 3u);
  client.Pump();
  EXPECT_EQ(world.stream().main, "a");
  taken.clear();
  world.Sleep(engine::kDryPoolPause);
  world.Sleep({});
  EXPECT_EQ(world.stream().main, "abcd");
}

TEST(MultiplexedConduit, EndsTheSessionOfWhoSendsWhatIsNotSmux) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  world.Type("GET / HTTP/1.1");
  EXPECT_NE(world.last_word.find("not smux"), std::string::npos);
}

TEST(MultiplexedConduit, AClientMayUseAnIdAgain) {
  GatewayWorld world(PortGrant(kLocalPortForwarding));
  world.Open();
  const auto frame = [](uint8_t command) {
    return std::string{1, static_cast<char>(command), 0, 0, 3, 0, 0, 0};
  };
  world.Type(frame(0));  // SYN
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  world.Type(frame(1));  // FIN: smux has forgotten it now.
  world.Type(frame(0));
  ASSERT_EQ(world.node.streams.size(), 2u);
  world.node.Write(world.node.streams.rbegin()->first, "second");
  world.Pump();
  EXPECT_NE(world.output.find("second"), std::string::npos);
}

}  // namespace
}  // namespace relay
