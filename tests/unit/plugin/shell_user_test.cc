// Goal: a shell through the plugin has every byte of both directions, whatever becomes of its
// connections, and says what scripts expect when it is over. Method: the plugin's parts against a
// FakeMachine on the simulated loop, whose seed decides about delays, short steps and cuts.

#include "client/plugin/shell_user.h"

#include <gtest/gtest.h>

#include <csignal>
#include <set>
#include <string>

#include "client/forward_spec.h"
#include "client/plugin/plugin_arguments.h"
#include "client/plugin/plugin_text.h"
#include "tests/unit/plugin/plugin_world.h"

namespace client {
namespace {

using engine::datachannel::HandshakeRequest;
using engine::datachannel::PayloadType;
using engine::sim::Faults;
using FarSide = ShellUser::FarSide;

PluginWorld::MakeUser Shell(FarSide far_side = FarSide::kTerminal) {
  return [far_side](PluginWorld& world, const SessionKind&, SessionUser::Events& events) {
    return std::make_unique<ShellUser>(world.loop(), world.session, world.ours[0], world.ours[1],
                                       -1, far_side, events);
  };
}

std::string Noise(size_t size) {
  engine::Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

HandshakeRequest Request(const std::string& type) {
  return {.agent_version = "3.3.987.0", .session_type = type};
}

TEST(ShellUserTest, TheFirstOutputOfAMachineThatShakesNoHandsStartsAShell) {
  PluginWorld world(1, Shell());
  world.keeper.Start();
  world.out->Read();
  world.machine.Say(PayloadType::kOutput, "$ ");
  ASSERT_TRUE(world.Run([&] { return world.out->read == "$ " && !world.machine.others.empty(); }));
  EXPECT_EQ(world.kind->type, "Standard_Stream");
  EXPECT_EQ(world.machine.others[0].first, PayloadType::kSize);
  EXPECT_EQ(world.machine.others[0].second, R"({"cols":300,"rows":100})") << "no terminal here";
  ASSERT_EQ(world.machine.opens.size(), 1u);
  EXPECT_EQ(world.machine.opens[0].token, "token-1");
  EXPECT_EQ(world.machine.opens[0].client_version, kPluginVersion);
  EXPECT_EQ(world.machine.urls[0], "/v1/data-channel/s?role=publish_subscribe");
}

TEST(ShellUserTest, AHandshakeIsAnsweredWithTheVersionAndWhatWasDone) {
  PluginWorld world(2, Shell());
  world.keeper.Start();
  world.machine.Shake(Request("InteractiveCommands"));
  ASSERT_TRUE(world.Run([&] { return world.kind.has_value(); }));
  EXPECT_EQ(world.kind->type, "InteractiveCommands");
  EXPECT_EQ(world.kind->agent_version, "3.3.987.0");
  EXPECT_EQ(world.machine.others[0].second,
            R"({"ClientVersion":"1.2.707.0","ProcessedClientActions":[{"ActionType":"SessionType",)"
            R"("ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null})");
}

TEST(ShellUserTest, WhatItCannotDoIsSaidToTheMachine) {
  PluginWorld world(3, Shell());
  world.keeper.Start();
  HandshakeRequest request = Request("Standard_Stream");
  request.encryption = HandshakeRequest::Encryption{.key_id = "alias/a", .challenge = ""};
  world.machine.Shake(request);
  ASSERT_TRUE(world.Run([&] { return !world.machine.others.empty(); }));
  engine::datachannel::HandshakeResponse response;
  ASSERT_TRUE(Decode(engine::AsBytes(world.machine.others[0].second), response));
  EXPECT_EQ(HandshakeFailure(response),
            "KMSEncryption failed on client with status 2 error: there is no key service");
  EXPECT_EQ(world.wanted_key, "alias/a ");
}

TEST(ShellUserTest, ASessionOfAnUnknownTypeIsNotStarted) {
  PluginWorld world(4, Shell());
  world.keeper.Start();
  world.machine.Shake(Request("Telepathy"));
  ASSERT_TRUE(world.Run([&] { return !world.broken.empty(); }));
  EXPECT_EQ(world.broken, "unable to determine SessionType");
  EXPECT_EQ(world.user, nullptr);
}

TEST(ShellUserTest, EveryByteArrivesAsItWasOnEverySeed) {
  for (uint64_t seed = 1; seed <= 10 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    PluginWorld world(seed, Shell(), Faults::SwarmThatLasts(seed));
    world.keeper.Start();
    world.out->Read();
    world.machine.Shake(Request("Standard_Stream"));
    ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
    const std::string there = Noise(150'001), back = Noise(200'003);
    world.in->Type(there);
    world.machine.Say(PayloadType::kOutput, back);
    EXPECT_TRUE(world.Run([&] {
      return world.machine.bytes.size() == there.size() && world.out->read.size() == back.size();
    }));
    EXPECT_TRUE(world.machine.bytes == there);
    EXPECT_TRUE(world.out->read == back);
  }
}

// Trap P5: the original changes it in every kind of session.
TEST(ShellUserTest, ALineFeedAloneStaysALineFeed) {
  PluginWorld world(5, Shell());
  world.keeper.Start();
  world.machine.Say(PayloadType::kOutput, "$ ");
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  world.in->Type("\n");
  EXPECT_TRUE(world.Run([&] { return !world.machine.bytes.empty(); }));
  EXPECT_EQ(world.machine.bytes, "\n");
}

TEST(ShellUserTest, TwentyCutsLoseAndRepeatNothing) {
  for (uint64_t seed = 1; seed <= 6 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    PluginWorld world(seed, Shell(), Faults::SwarmThatLasts(seed));
    world.keeper.Start();
    world.out->Read();
    world.machine.Shake(Request("Standard_Stream"));
    ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
    const std::string there = Noise(300'001), back = Noise(400'003);
    world.in->Type(there);
    world.machine.Say(PayloadType::kOutput, back);
    size_t cuts = 0;
    size_t cut_at = 0;
    EXPECT_TRUE(world.Run([&] {
      const size_t moved = world.machine.bytes.size() + world.out->read.size();
      if (cuts < 20 && moved >= cut_at + 20'000) {
        cut_at = moved;
        world.machine.Cut(++cuts % 3 == 0 ? FakeMachine::Manner::kCloseFrame
                                          : FakeMachine::Manner::kHard);
      }
      return world.machine.bytes.size() >= there.size() && world.out->read.size() >= back.size();
    })) << world.failed;
    EXPECT_GE(cuts, 10u);
    EXPECT_TRUE(world.machine.bytes == there);
    EXPECT_TRUE(world.out->read == back);
    std::set<std::string> tokens, clients;
    for (const auto& open : world.machine.opens) {
      tokens.insert(open.token);
      clients.insert(open.client_id);
    }
    EXPECT_EQ(tokens.size(), world.machine.opens.size())
        << "each connection has a token of its own";
    EXPECT_EQ(clients.size(), 1u) << "and all are one client";
    for (const auto& call : world.machine.calls) {
      EXPECT_EQ(call.headers.Get("X-Amz-Target"), "AmazonSSM.ResumeSession");
      EXPECT_NE(call.headers.Get("Authorization").find("/eu-west-1/ssm/aws4_request"),
                std::string_view::npos);
    }
  }
}

TEST(ShellUserTest, ASessionThatEndedMeanwhileHasTimedOut) {
  PluginWorld world(6, Shell());
  world.keeper.Start();
  world.machine.Say(PayloadType::kOutput, "$ ");
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  engine::HttpResponse over;
  over.status = 200;
  over.body = R"({"SessionId":"s"})";
  world.machine.resume_answers.push_back(over);
  world.machine.Cut(FakeMachine::Manner::kHard);
  EXPECT_TRUE(world.Run([&] { return world.timed_out; }));
  EXPECT_EQ(TimedOutText("s"), "Session: s timed out.\n");
}

TEST(ShellUserTest, AResumeThatFailsForNowIsTriedAgainAndOneThatFailsForGoodIsNot) {
  PluginWorld world(7, Shell());
  world.keeper.Start();
  world.machine.Say(PayloadType::kOutput, "$ ");
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  engine::HttpResponse busy, denied;
  busy.status = 500;
  busy.body = R"({"__type":"InternalServerError"})";
  denied.status = 400;
  denied.body = R"({"__type":"AccessDeniedException","message":"no"})";
  world.machine.resume_answers = {busy, busy};
  world.machine.Cut(FakeMachine::Manner::kHard);
  ASSERT_TRUE(world.Run([&] { return world.machine.opens.size() == 2; }));
  EXPECT_EQ(world.machine.calls.size(), 3u);

  world.machine.resume_answers = {denied};
  world.machine.Cut(FakeMachine::Manner::kHard);
  EXPECT_TRUE(world.Run([&] { return !world.failed.empty(); }));
  EXPECT_EQ(world.failed,
            "the connection was lost, and ResumeSession failed: AccessDeniedException: no");
}

TEST(ShellUserTest, AReaderWhoStallsStopsTheMachineAndLosesNothing) {
  PluginWorld world(8, Shell());
  world.keeper.Start();
  world.machine.Shake(Request("Standard_Stream"));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  const std::string back = Noise(6'000'000);
  world.machine.Say(PayloadType::kOutput, back);
  world.RunFor(std::chrono::seconds(60));
  EXPECT_FALSE(world.machine.AllTaken()) << "somebody kept six megabytes for a reader who is away";
  world.out->Read();
  EXPECT_TRUE(world.Run([&] { return world.out->read.size() >= back.size(); }));
  EXPECT_TRUE(world.out->read == back);
}

TEST(ShellUserTest, TheEndOfTheInputIsTypedWhereATerminalIs) {
  PluginWorld world(9, Shell());
  world.keeper.Start();
  world.machine.Shake(Request("Standard_Stream"));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  world.in->Type("half a line");
  ASSERT_TRUE(world.Run([&] { return world.in->sent(); }));
  world.in->Finish();
  EXPECT_TRUE(world.Run([&] { return world.machine.bytes.size() >= 13; }));
  EXPECT_TRUE(world.machine.bytes.starts_with("half a line\x04\x04"))
      << "the first one ends the line alone";
}

// Trap P31: a shell that is not reading yet when its input ends must hear of it all the same.
TEST(ShellUserTest, TheEndOfTheInputIsTypedAgainWhenWhatCameIsQuietAndOnlyThen) {
  PluginWorld world(11, Shell());
  world.keeper.Start();
  world.out->Read();
  world.machine.Shake(Request("Standard_Stream"));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  world.in->Finish();
  ASSERT_TRUE(world.Run([&] { return world.machine.bytes == "\x04\x04"; })) << "then it is quiet";
  world.RunFor(std::chrono::minutes(5));
  EXPECT_EQ(world.machine.bytes, "\x04\x04") << "nobody who is idle is kept busy";
  world.machine.Say(PayloadType::kOutput, "$ ");
  ASSERT_TRUE(world.Run([&] { return world.machine.bytes == "\x04\x04\x04"; }));
  world.RunFor(std::chrono::minutes(5));
  EXPECT_EQ(world.machine.bytes, "\x04\x04\x04");
}

TEST(ShellUserTest, ACommandWithoutATerminalOutlivesItsInputAndTellsItsExitCode) {
  PluginWorld world(10, Shell(FarSide::kPipe));
  world.keeper.Start();
  world.out->Read();
  world.machine.Shake(Request("NonInteractiveCommands"));
  ASSERT_TRUE(world.Run([&] { return world.user != nullptr; }));
  world.in->Finish();
  EXPECT_TRUE(world.user->TakeSignal(SIGINT));
  EXPECT_TRUE(world.user->TakeSignal(SIGQUIT));
  EXPECT_FALSE(world.user->TakeSignal(SIGTERM));
  world.machine.Say(PayloadType::kOutput, "out\n");
  world.machine.Say(PayloadType::kStdErr, "err\n");
  world.machine.Say(PayloadType::kExitCode, "EXIT_CODE: 2");
  ASSERT_TRUE(world.Run([&] { return world.machine.AllTaken(); }));
  world.machine.Close("");
  ASSERT_TRUE(world.Run([&] { return world.closed.has_value() && world.user->idle(); }));
  EXPECT_EQ(world.out->read, "out\nerr\nEXIT_CODE: 2");
  EXPECT_EQ(world.machine.bytes, "\x03\x1c");
  EXPECT_FALSE(world.user_end.has_value());
  EXPECT_EQ(world.user->exit_code(), 2);
}

TEST(PluginTextTest, TheLastWordsAreThoseThatScriptsRead) {
  EXPECT_EQ(StartText("s"), "\nStarting session with SessionId: s\n");
  EXPECT_EQ(ClosedText("s", ""), "\n\nExiting session with sessionId: s.\n\n");
  EXPECT_EQ(ClosedText("s", "gone\n\x1b[2J"), "\n\nSessionId: s : gone\n\\x1b[2J\n\n");
  EXPECT_EQ(CannotText("EOF"), "Cannot perform start session: EOF\n");
  EXPECT_EQ(OpenedText({}, "127.0.0.1:8080", "s"), "Port 8080 opened for sessionId s.");
  EXPECT_EQ(OpenedText({.socket_path = "/run/x"}, "/run/x", "s"),
            "Unix socket /run/x opened for sessionId s.");
}

}  // namespace
}  // namespace client
