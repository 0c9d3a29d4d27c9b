#include "relay/originals/original_node.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/smux_frame.h"
#include "tests/unit/originals/original_world.h"

namespace relay {
namespace {

using engine::CloseCode;
using engine::datachannel::MessageType;
using engine::datachannel::PayloadType;
using std::chrono::seconds;

engine::ExecRequest Command(bool with_terminal = false) {
  return {.session_id = "s", .arguments = {"id"}, .with_terminal = with_terminal, .size = {90, 20}};
}

// Smux is one frame of the agent's.
std::string Smux(char command, uint8_t stream, std::string_view data = {}) {
  std::string frame = {1, command, static_cast<char>(data.size()), 0, static_cast<char>(stream), 0,
                       0, 0};
  return frame.append(data);
}

TEST(OriginalNode, AStreamBecomesATaskAndItsCommandsOutputAndExitCodeCome) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  ASSERT_EQ(world.CountTold(MessageType::kStartTask), 1u);
  EXPECT_FALSE(stream.is_accepted) << "the agent does not listen yet";
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  EXPECT_TRUE(stream.is_accepted);
  EXPECT_NE(world.TakeInput(PayloadType::kHandshakeResponse).find("SessionType"),
            std::string::npos);
  world.Output(PayloadType::kOutput, "out");
  world.Output(PayloadType::kStdErr, "err");
  world.Output(PayloadType::kExitCode, "EXIT_CODE: 3");
  world.Disconnect();
  EXPECT_FALSE(stream.is_finished);
  world.Complete("Success");
  EXPECT_EQ(stream.output, "out");
  EXPECT_EQ(stream.errors, "err");
  EXPECT_EQ(stream.exit, 3);
  EXPECT_TRUE(stream.is_finished);
  EXPECT_EQ(world.CountTold(MessageType::kTaskAcknowledge), 1u);
  world.relay_end.mux.Finish(stream.id);
  world.Run();
  EXPECT_EQ(world.Session(), nullptr);
}

TEST(OriginalNode, WhatWasSaidBeforeTheChannelWasLostIsWaitedFor) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  world.Complete("Success");  // It overtook what comes from another loop.
  EXPECT_FALSE(stream.is_finished);
  world.Output(PayloadType::kOutput, "the last word");
  world.Disconnect();
  EXPECT_EQ(stream.output, "the last word");
  EXPECT_TRUE(stream.is_finished);
}

TEST(OriginalNode, AShellThatIsSilentIsAcceptedAfterAWhile) {
  OriginalWorld world;
  const auto& stream =
      world.relay_end.Open(engine::ShellRequest{.session_id = "s", .size = {90, 20}});
  world.Run();
  world.Connect();
  world.SayState("Connected");
  EXPECT_FALSE(stream.is_accepted) << "what is typed now would be passed over";
  world.Pass(OriginalSession::kQuietMax);
  EXPECT_TRUE(stream.is_accepted);
  EXPECT_EQ(world.TakeInput(PayloadType::kSize), R"({"cols":90,"rows":20})");
  world.relay_end.Write(stream, "ls\r");
  world.Run();
  EXPECT_EQ(world.TakeInput(PayloadType::kOutput), "ls\r");
}

TEST(OriginalNode, AnAgentThatDoesNotReadGetsNoNewSessionAndKeepsThoseThatItHas) {
  OriginalWorld world;
  const auto& first = world.relay_end.Open(engine::ShellRequest{.session_id = "s"});
  world.Run();
  world.Connect();
  world.Output(PayloadType::kOutput, "$ ");
  world.takes_new = false;
  const size_t told = world.told.size();
  const auto& second = world.relay_end.Open(engine::ShellRequest{.session_id = "other"});
  world.Run();
  EXPECT_EQ(second.code, engine::CloseCode::kTooMany) << second.text;
  EXPECT_EQ(world.told.size(), told);
  EXPECT_FALSE(first.is_finished);
  world.Output(PayloadType::kOutput, "on");
  EXPECT_EQ(first.output, "$ on");
}

TEST(OriginalNode, AShellsFirstOutputSaysThatItListens) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(engine::ShellRequest{.session_id = "s"});
  world.Run();
  world.Connect();
  world.Output(PayloadType::kOutput, "$ ");
  EXPECT_TRUE(stream.is_accepted);
  EXPECT_EQ(stream.output, "$ ");
}

TEST(OriginalNode, ASignalOfACommandWithoutATerminalIsTyped) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  ASSERT_TRUE(world.relay_end.mux.SendControl(stream.id, engine::Encode(engine::Signal{"INT"})));
  world.Run();
  EXPECT_EQ(world.TakeInput(PayloadType::kOutput), "\x03");
}

TEST(OriginalNode, StandardInputThatWouldBeLostIsRefused) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  world.relay_end.Write(stream, "lost?");
  world.Run();
  EXPECT_EQ(stream.code, CloseCode::kUnsupported);
  EXPECT_EQ(world.CountTold(MessageType::kChannelClosed), 1u);
}

TEST(OriginalNode, AnAgentsFailureIsTold) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  world.Complete("Failed", "no such user");
  EXPECT_EQ(stream.code, CloseCode::kCannotStart);
  EXPECT_EQ(stream.text, "no such user");
  EXPECT_EQ(world.Session(), nullptr);
}

TEST(OriginalNode, AnAgentThatNeverBeginsIsGivenUp) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  world.Pass(OriginalSession::kStartMax);
  EXPECT_EQ(stream.code, CloseCode::kCannotStart);
  world.Pass(OriginalSession::kLeaveMax);
  EXPECT_EQ(world.Session(), nullptr);
}

TEST(OriginalNode, ASessionThatLosesItsChannelForGoodIsOver) {
  OriginalWorld world;
  const auto& stream = world.relay_end.Open(Command());
  world.Run();
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  world.Disconnect();
  world.Pass(OriginalSession::kAwayMax - seconds(1));
  EXPECT_FALSE(stream.code.has_value());
  world.Pass(seconds(1));
  EXPECT_EQ(stream.code, CloseCode::kNodeGone);
}

TEST(OriginalNode, ASecondProgramInASessionIsRefused) {
  OriginalWorld world;
  world.relay_end.Open(Command());
  const auto& second = world.relay_end.Open(Command());
  world.Run();
  EXPECT_EQ(second.code, CloseCode::kTooMany);
  EXPECT_EQ(world.CountTold(MessageType::kStartTask), 1u);
}

TEST(OriginalNode, WhoDoesNotReadMakesTheAgentWait) {
  OriginalWorld world;
  auto& stream = world.relay_end.Open(Command());
  stream.reads = false;
  world.Run();
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  const std::string piece(1024, 'x');
  int pieces = 0;
  while (world.taken == world.brought && pieces < 20'000) {
    world.Output(PayloadType::kOutput, piece);
    ++pieces;
  }
  ASSERT_LT(pieces, 20'000) << "somebody holds all of it";
  for (int i = 0; i < 200; ++i) world.Output(PayloadType::kOutput, piece);  // On its way already.
  stream.Read();
  world.Run();
  EXPECT_EQ(stream.output.size(), static_cast<size_t>(pieces + 200) * piece.size());
  EXPECT_EQ(world.taken, world.brought);
}

TEST(OriginalNode, ThePortsConnectionsShareOneSession) {
  OriginalWorld world;
  const engine::TcpRequest request{.session_id = "s", .host = "db", .port = 1};
  auto& first = world.relay_end.Open(request);
  auto& second = world.relay_end.Open(request);
  world.Run();
  EXPECT_EQ(world.CountTold(MessageType::kStartTask), 1u);
  world.Connect();
  world.ShakeHands("Port");
  EXPECT_TRUE(first.is_accepted);
  EXPECT_TRUE(second.is_accepted);
  world.relay_end.Write(first, "one");
  world.relay_end.Write(second, "two");
  world.Run();
  const std::string sent = world.TakeInput(PayloadType::kOutput);
  EXPECT_NE(sent.find(Smux(2, 3, "one")), std::string::npos);
  EXPECT_NE(sent.find(Smux(2, 5, "two")), std::string::npos);
  world.Output(PayloadType::kOutput, Smux(2, 3, "eins") + Smux(2, 5, "zwei") + Smux(1, 3));
  EXPECT_EQ(first.output, "eins");
  EXPECT_EQ(second.output, "zwei");
  EXPECT_TRUE(first.is_finished);
  EXPECT_FALSE(second.is_finished);
  world.relay_end.mux.Finish(first.id);
  world.Run();
  EXPECT_EQ(first.code, CloseCode::kNormal);
  world.Session()->End("over", world.now);
  world.Run();
  EXPECT_EQ(second.code, CloseCode::kSessionEnded);
  EXPECT_EQ(world.CountTold(MessageType::kChannelClosed), 1u);
  world.Complete("Cancelled");
  EXPECT_EQ(world.Session(), nullptr);
}

TEST(OriginalNode, ATargetThatCannotBeReachedResetsItsConnectionAlone) {
  OriginalWorld world;
  const engine::TcpRequest request{.session_id = "s", .host = "db", .port = 1};
  auto& first = world.relay_end.Open(request);
  world.Run();
  world.Connect();
  world.ShakeHands("Port");
  const auto flag =
      engine::datachannel::Encode(engine::datachannel::SessionFlag::kConnectToPortError);
  world.Output(PayloadType::kFlag, engine::AsText(flag));
  world.Output(PayloadType::kOutput, Smux(1, 3));
  EXPECT_EQ(first.code, CloseCode::kConnectionRefused);
  auto& second = world.relay_end.Open(request);
  world.Run();
  EXPECT_TRUE(second.is_accepted);
}

TEST(OriginalNode, WhatIsNoSmuxEndsThePort) {
  OriginalWorld world;
  auto& stream =
      world.relay_end.Open(engine::TcpRequest{.session_id = "s", .host = "db", .port = 1});
  world.Run();
  world.Connect();
  world.ShakeHands("Port");
  world.Output(PayloadType::kOutput, "this is no frame");
  EXPECT_EQ(stream.code, CloseCode::kProtocolError);
}

TEST(OriginalNode, AnAgentTooOldForPortsIsTold) {
  OriginalWorld world;
  auto& stream =
      world.relay_end.Open(engine::TcpRequest{.session_id = "s", .host = "db", .port = 1});
  world.Run();
  world.Connect();
  world.ShakeHands("Port", "2.3.0.0");
  EXPECT_EQ(stream.code, CloseCode::kCannotStart);
}

TEST(OriginalNode, TheLossOfTheNodeEndsEverything) {
  OriginalWorld world;
  world.relay_end.Open(Command());
  world.Run();
  world.Connect();
  world.ShakeHands("NonInteractiveCommands");
  world.node->LinkClosed();
  world.node.reset();
  EXPECT_EQ(world.dropped, 1u);
}

}  // namespace
}  // namespace relay
