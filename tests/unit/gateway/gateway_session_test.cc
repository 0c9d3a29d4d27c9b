// Goal: a session of an AWS client begins, passes bytes and ends as clients of that protocol
// expect, whatever its connections do. Method: the client's half of a data channel on one side, a
// node's multiplexer on the other, in memory.

#include "relay/gateway/gateway_session.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/unit/gateway/gateway_world.h"

namespace relay {
namespace {

using engine::CloseCode;
using engine::datachannel::SessionFlag;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

SessionGrant ShellGrant() { return GrantOf(engine::SessionKind::kShell, "Standard_Stream"); }

TEST(GatewaySession, ShakesHandsAndOpensAShellOfTheClientsSize) {
  GatewayWorld world(ShellGrant());
  world.Connect();
  EXPECT_EQ(world.request.session_type, "Standard_Stream");
  EXPECT_EQ(world.request.agent_version, "3.3.987.0");
  EXPECT_FALSE(world.request.properties.has_value());
  world.Answer();
  EXPECT_EQ(world.types.back(), PayloadType::kHandshakeComplete);
  EXPECT_TRUE(world.node.requests.empty()) << "the size is not known yet";
  world.Resize(120, 40);
  ASSERT_EQ(world.node.requests.size(), 1u);
  EXPECT_NE(world.node.requests[0].find("\"columns\":120"), std::string::npos);

  world.Type("ls\n");
  EXPECT_EQ(world.stream().main, "ls\n");
  world.node.Write(world.stream_id(), "file\r\n");
  world.Pump();
  EXPECT_EQ(world.output, "file\r\n");
  world.Resize(90, 20);
  ASSERT_EQ(world.stream().controls.size(), 1u);
  EXPECT_EQ(world.passage.input, "ls\n");
  EXPECT_EQ(world.passage.output, "file\r\n");
  EXPECT_EQ(world.passage.sizes, (std::vector<uint16_t>{120, 90}));
}

TEST(GatewaySession, OpensAShellOfAUsualSizeForAClientThatDoesNotSayOne) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Sleep(milliseconds(500));
  EXPECT_TRUE(world.node.requests.empty());
  world.Sleep(milliseconds(501));
  EXPECT_EQ(world.node.requests.size(), 1u);
}

TEST(GatewaySession, KeepsASizeThatComesBeforeTheHandshakeIsDone) {  // P33
  GatewayWorld world(ShellGrant());
  world.Connect();
  world.Resize(77, 33);
  world.Answer();
  ASSERT_EQ(world.node.requests.size(), 1u);
  EXPECT_NE(world.node.requests[0].find("\"columns\":77"), std::string::npos);
}

TEST(GatewaySession, SaysTheLastWordAfterAllOutput) {  // P17
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  const std::string much(100'000, 'x');
  world.node.Write(world.stream_id(), much);
  EXPECT_TRUE(world.node.mux.SendControl(world.stream_id(), R"({"type":"exit","status":3})"));
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  EXPECT_EQ(world.output.size(), much.size());
  EXPECT_TRUE(world.has_last_word);
  EXPECT_EQ(world.last_word, "");
  EXPECT_EQ(world.last_status, 3);
  EXPECT_TRUE(world.is_closed);
  EXPECT_TRUE(world.is_over);
}

TEST(GatewaySession, DoesNotWaitForAClientThatAcknowledgesNothing) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.takes = [](PayloadType, engine::ByteView) { return false; };
  world.node.Write(world.stream_id(), "tail");
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  EXPECT_FALSE(world.has_last_word);
  world.Sleep(Farewell::kDrainMax);
  EXPECT_TRUE(world.has_last_word);
  EXPECT_TRUE(world.is_over);
}

TEST(GatewaySession, WaitsOnWhileTheLastOfTheOutputArrives) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.reports_sent = false;  // The connection has not passed on what it was given ...
  constexpr size_t kSize = 150'000;
  world.node.Write(world.stream_id(), std::string(kSize, 'x'));
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  int rounds = 0;
  for (; !world.has_last_word && rounds < 20; ++rounds) {
    world.Sleep(Farewell::kDrainMax - milliseconds(300));
    world.session.Sent(size_t{16} * 1024);  // ... but for a piece, now and then.
    world.Sleep(milliseconds(200));
  }
  EXPECT_EQ(world.output.size(), kSize);
  EXPECT_GT(rounds, 3);
}

TEST(GatewaySession, DoesNotDrainForEver) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  bool takes = false;
  world.takes = [&takes](PayloadType, engine::ByteView) { return std::exchange(takes, false); };
  world.node.Write(world.stream_id(), std::string(60 * 1024, 'x'));
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  for (int i = 0; i < 36; ++i) {
    world.Sleep(Farewell::kDrainMax - milliseconds(300));
    takes = true;
    world.Sleep(milliseconds(200));
  }
  EXPECT_TRUE(world.has_last_word);
  EXPECT_LT(world.output.size(), 60u * 1024);
}

TEST(GatewaySession, DoesNotWaitForALostClientWhenItIsTerminated) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.takes = [](PayloadType, engine::ByteView) { return false; };
  world.node.Write(world.stream_id(), "tail");
  world.Pump();
  world.session.End("Terminated by somebody.");
  world.Pump();
  EXPECT_FALSE(world.is_over) << "the client may still take the rest";
  world.Cut();
  EXPECT_TRUE(world.is_over);
}

TEST(GatewaySession, TellsWhyTheNodeDidNotStart) {
  GatewayWorld world(ShellGrant());
  world.node.on_open = [&world](engine::StreamId id) {
    world.node.mux.Reject(id, CloseCode::kCannotStart, "no such user");
  };
  world.Open();
  world.Resize(80, 24);
  EXPECT_EQ(world.last_word, "Unable to start command: no such user");
}

TEST(GatewaySession, PassesOnWhyItWasEndedFromElsewhere) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.node.mux.Goaway(CloseCode::kSessionEnded, "Terminated by alice.");
  world.link.far_carrier().CloseAfterOutput();
  world.Pump();
  EXPECT_EQ(world.last_word, "Terminated by alice.");
  EXPECT_EQ(world.over_reason, "Terminated by alice.");
}

TEST(GatewaySession, GoesOnAfterALostConnection) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.Cut();
  world.node.Write(world.stream_id(), "while you were away");
  world.Pump();
  EXPECT_EQ(world.output, "");
  world.Connect();
  EXPECT_EQ(world.output, "while you were away");
  world.Type("back");
  EXPECT_EQ(world.stream().main, "back");
  EXPECT_FALSE(world.is_over);
}

TEST(GatewaySession, KeepsTheEndOfItsOutputForAClientThatComesBack) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.Cut();
  world.node.Write(world.stream_id(), "tail");
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  EXPECT_FALSE(world.is_over);
  world.Connect();
  EXPECT_EQ(world.output, "tail");
  EXPECT_TRUE(world.has_last_word);
  EXPECT_TRUE(world.is_over);
}

TEST(GatewaySession, GivesUpAClientThatDoesNotComeBack) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.Cut();
  world.Sleep(GatewaySession::kAwayMax - seconds(1));
  EXPECT_FALSE(world.is_over);
  world.Sleep(seconds(1));
  EXPECT_TRUE(world.is_over);
}

TEST(GatewaySession, TheNewestConnectionWins) {  // P25
  GatewayWorld world(ShellGrant());
  world.Open();
  world.is_dropped = false;
  world.Connect();
  EXPECT_TRUE(world.is_dropped);
  EXPECT_FALSE(world.has_last_word);
  EXPECT_FALSE(world.is_over);
}

TEST(GatewaySession, AnotherClientWithTheTokenIsRefused) {  // P22
  GatewayWorld world(ShellGrant());
  world.Open();
  EXPECT_EQ(world.session.Refusal("client-1"), "");
  EXPECT_NE(world.session.Refusal("client-2"), "");
}

TEST(GatewaySession, EndsWhenNobodyTypesForTooLong) {
  SessionGrant grant = ShellGrant();
  grant.idle_max = minutes(2);
  GatewayWorld world(grant);
  world.Open();
  world.Resize(80, 24);
  world.Sleep(minutes(1));
  world.Type("x");
  world.Sleep(minutes(1));
  world.node.Write(world.stream_id(), "output is nobody typing");
  world.Sleep(seconds(59));
  EXPECT_FALSE(world.is_over);
  world.Sleep(seconds(1));
  EXPECT_TRUE(world.is_over);
  EXPECT_NE(world.last_word.find("idle"), std::string::npos);
}

TEST(GatewaySession, EndsWhenTheHandshakeIsNotAnswered) {
  GatewayWorld world(ShellGrant());
  world.takes = [](PayloadType, engine::ByteView) { return true; };
  world.Connect();
  world.Sleep(MachineHandshake::kAnswerMax);
  world.Sleep(Farewell::kDrainMax);
  EXPECT_NE(world.last_word.find("Handshake timed out"), std::string::npos);
}

TEST(GatewaySession, EndsWhenTheClientCannotDoWhatIsAsked) {
  GatewayWorld world(ShellGrant());
  world.Connect();
  engine::datachannel::HandshakeResponse response;
  response.client_version = "1.2.707.0";
  response.actions.push_back({.type = engine::datachannel::kActionSessionType,
                              .status = engine::datachannel::ActionStatus::kFailed,
                              .error = "Unknown session type"});
  world.client.Send(PayloadType::kHandshakeResponse, engine::AsBytes(Encode(response)));
  world.Pump();
  EXPECT_NE(world.last_word.find("SessionType failed on client"), std::string::npos);
  EXPECT_TRUE(world.node.requests.empty());
}

TEST(GatewaySession, LeavesNoMoreUnsentThanAConnectionMayHold) {  // P16
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.reports_sent = false;
  const std::string block(200'000, 'y');
  world.node.Write(world.stream_id(), block);
  world.Pump();
  EXPECT_LE(world.output.size(), GatewaySession::kUnsentMax);
  EXPECT_GT(world.output.size(), GatewaySession::kUnsentMax / 2);
}

TEST(GatewaySession, MakesTheClientWaitForAProgramThatDoesNotRead) {
  GatewayWorld world(ShellGrant());
  world.Open();
  world.Resize(80, 24);
  world.stream().consumes = false;
  const std::string kilobyte(1000, 'z');
  size_t sent = 0;
  while (world.client.HasRoom() && sent < 4'000'000) {
    world.client.Send(PayloadType::kOutput, engine::AsBytes(kilobyte));
    sent += kilobyte.size();
    world.Pump();
  }
  EXPECT_LT(sent, 4'000'000u) << "what is not taken is not acknowledged";
  world.stream().consumes = true;
  world.stream().ConsumeAll();
  for (int i = 0; i < 100 && world.stream().main.size() < sent; ++i) world.Sleep(seconds(1));
  EXPECT_EQ(world.stream().main.size(), sent);
}

}  // namespace
}  // namespace relay
