#include "relay/originals/verbatim_session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "relay/gateway/gateway_session.h"
#include "tests/unit/originals/verbatim_world.h"

namespace relay {
namespace {

using engine::datachannel::MessageType;
using engine::datachannel::PayloadType;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Seen final : Passage {
  void OnInput(engine::ByteView bytes) override { input += engine::AsText(bytes); }
  void OnOutput(Kind, engine::ByteView bytes) override { output += engine::AsText(bytes); }
  void OnResize(engine::TerminalSize size) override { columns = size.columns; }
  std::string input, output;
  int columns = 0;
};

size_t Count(const std::vector<MessageType>& all, MessageType type) {
  return static_cast<size_t>(std::count(all.begin(), all.end(), type));
}

TEST(VerbatimSession, TheAgentIsToldAndMessagesPassBothWaysByteForByte) {
  VerbatimWorld world;
  EXPECT_EQ(world.told.size(), 1u);
  world.Begin();
  world.Say(world.agent, "$ ");
  world.Say(world.client, "ls\r");
  const std::string out = world.agent.to_say.front();
  const std::string in = world.client.to_say.front();
  world.Run();
  EXPECT_EQ(world.client.came, std::vector<std::string>{out});
  EXPECT_EQ(world.agent.came, std::vector<std::string>{in});
  EXPECT_TRUE(world.agent.unacknowledged.empty());
  EXPECT_TRUE(world.client.unacknowledged.empty());
  world.CutAgent();
  world.Complete("Success");
  EXPECT_EQ(world.client.notices.back(), MessageType::kChannelClosed);
  EXPECT_EQ(world.client.last_word, "");
  EXPECT_EQ(world.to_node_bytes, 3u);
  EXPECT_EQ(world.to_client_bytes, 2u);
  EXPECT_TRUE(world.session->over());
}

TEST(VerbatimSession, NobodysWordIsGivenForAMessageOnItsWay) {
  VerbatimWorld world;
  world.Begin();
  world.client.is_ready = false;  // P3.
  world.Say(world.agent, "one");
  world.Run();
  EXPECT_EQ(world.agent.unacknowledged.size(), 1u);
  world.client.is_ready = true;
  world.Pass(milliseconds(200));
  EXPECT_TRUE(world.agent.unacknowledged.empty());
  EXPECT_EQ(world.client.heard, "one");
}

TEST(VerbatimSession, WhatPassesWhileTheClientIsAwayComesWithItsNextConnection) {
  VerbatimWorld world;
  world.Begin();
  world.CutClient();
  EXPECT_EQ(Count(world.agent.notices, MessageType::kPausePublication), 1u);
  for (const char* piece : {"a", "b", "c"}) world.Say(world.agent, piece);
  world.Run();
  EXPECT_EQ(world.agent.unacknowledged.size(), 3u);
  world.ConnectClient();
  EXPECT_EQ(world.agent.notices[1], MessageType::kStartPublication);
  EXPECT_EQ(world.client.heard, "abc");
  EXPECT_TRUE(world.agent.unacknowledged.empty());
}

// P1, P2: a word that was lost with a connection is given again by the relay, which has heard it.
TEST(VerbatimSession, AnAgentThatLostTheClientsWordIsToldIt) {
  VerbatimWorld world;
  world.Begin();
  world.Say(world.agent, "one");
  world.Run();
  // As if it had come before the message was kept.
  world.agent.unacknowledged.emplace(0, std::pair(world.client.came[0], world.now));
  const size_t came = world.client.came.size();
  world.Pass(milliseconds(200));
  EXPECT_TRUE(world.agent.unacknowledged.empty());
  EXPECT_EQ(world.client.came.size(), came) << "the client is not troubled";
}

TEST(VerbatimSession, AnAgentIsPausedAgainAfterAWordThatWakesIt) {
  VerbatimWorld world;
  world.Begin();
  world.Say(world.agent, "one");
  world.Run();
  world.CutClient();
  world.agent.to_say.push_back(world.client.came[0]);
  world.Run();
  EXPECT_EQ(world.agent.notices.back(), MessageType::kPausePublication);
  EXPECT_EQ(Count(world.agent.notices, MessageType::kAcknowledge), 2u);
}

// P4: a client that multiplexes hears nothing between the end of its handshake and its first word.
TEST(VerbatimSession, NothingIsSaidToAPortsClientBehindTheHandshakeUntilItSpeaks) {
  VerbatimWorld world(VerbatimWorld::Grant(engine::SessionKind::kTcp));
  world.Begin();
  world.Say(world.agent, "{}", PayloadType::kHandshakeComplete);
  world.Say(world.agent, "too early");
  world.Run();
  EXPECT_EQ(world.client.came.size(), 1u);
  world.Say(world.client, "SYN");
  world.Run();
  EXPECT_EQ(world.client.heard, "{}too early");
}

TEST(VerbatimSession, APortsClientThatIsSilentHearsMoreAfterAWhile) {
  VerbatimWorld world(VerbatimWorld::Grant(engine::SessionKind::kTcp));
  world.Begin();
  world.Say(world.agent, "{}", PayloadType::kHandshakeComplete);
  world.Say(world.agent, "on");
  world.Run();
  EXPECT_EQ(world.client.heard, "{}");
  EXPECT_LE(world.session->NextDeadline(), world.now + VerbatimSession::kClientQuiet);
  world.now += VerbatimSession::kClientQuiet;
  world.Run();
  EXPECT_EQ(world.client.heard, "{}on");
}

// P33: a size that comes while the agent finishes the handshake would be lost.
TEST(VerbatimSession, AnAgentHasTimeToFinishTheHandshake) {
  VerbatimWorld world;
  world.Begin();
  world.Say(world.agent, "{}", PayloadType::kHandshakeComplete);
  world.Run();
  world.Say(world.client, R"({"cols":90,"rows":20})", PayloadType::kSize);
  world.Run();
  EXPECT_TRUE(world.agent.came.empty());
  world.now += VerbatimSession::kAgentQuiet;
  world.Run();
  EXPECT_EQ(world.agent.came.size(), 1u);
}

TEST(VerbatimSession, EachByteIsSeenOnceUnlessItIsEncrypted) {
  Seen seen;
  VerbatimWorld world(VerbatimWorld::Grant(), &seen);
  world.Begin();
  world.Say(world.client, R"({"cols":90,"rows":20})", PayloadType::kSize);
  world.Say(world.client, "typed");
  world.Say(world.agent, "shown");
  world.client.to_say.push_back(world.client.to_say.back());
  world.Run();
  EXPECT_EQ(seen.input, "typed");
  EXPECT_EQ(seen.output, "shown");
  EXPECT_EQ(seen.columns, 90);
  SessionGrant grant = VerbatimWorld::Grant();
  grant.plan.key_id = "alias/k";
  Seen nothing;
  VerbatimWorld encrypted(grant, &nothing);
  encrypted.Begin();
  encrypted.Say(encrypted.client, "sealed");
  encrypted.Run();
  EXPECT_EQ(encrypted.agent.heard, "sealed");
  EXPECT_EQ(nothing.input, "");
}

TEST(VerbatimSession, AClientThatDoesNotReadMakesTheAgentWait) {
  VerbatimWorld world;
  world.Begin();
  world.client.reads = false;
  world.client.is_ready = false;
  const std::string piece(1024, 'x');
  int pieces = 0;
  for (; world.agent.taken == world.agent.brought && pieces < 20'000; ++pieces) {
    world.Say(world.agent, piece);
    world.Run();
  }
  ASSERT_LT(pieces, 20'000) << "somebody holds all of it";
  world.client.reads = true;
  world.client.is_ready = true;
  for (int i = 0; i < 30; ++i) world.Pass(milliseconds(100));
  EXPECT_EQ(world.client.heard.size(), static_cast<size_t>(pieces) * piece.size());
  EXPECT_EQ(world.agent.taken, world.agent.brought);
}

TEST(VerbatimSession, WithBothDirectionsFullBothAreRead) {
  VerbatimWorld world;
  world.Begin();
  world.client.is_ready = false;
  world.agent.is_ready = false;
  const std::string piece(1024, 'x');
  for (int i = 0; i < 1'200; ++i) {
    world.Say(world.agent, piece);
    world.Say(world.client, piece);
  }
  world.Run();
  EXPECT_EQ(world.agent.taken, world.agent.brought);
  EXPECT_EQ(world.client.taken, world.client.brought);
}

TEST(VerbatimSession, ATerminationIsToldToBoth) {
  VerbatimWorld world;
  world.Begin();
  world.session->End("The session was terminated.", world.now);
  world.Run();
  EXPECT_EQ(world.client.last_word, "The session was terminated.");
  EXPECT_EQ(world.over_reason, "The session was terminated.");
  EXPECT_EQ(world.told.size(), 2u);
  EXPECT_FALSE(world.session->over());
  world.Complete("Cancelled");
  EXPECT_TRUE(world.session->over());
}

TEST(VerbatimSession, AnAgentThatNeverSaysThatItIsOverIsNotWaitedForLong) {
  VerbatimWorld world;
  world.Begin();
  world.session->End("over", world.now);
  world.Pass(AgentSession::kLeaveMax);
  EXPECT_TRUE(world.session->over());
}

TEST(VerbatimSession, AnAgentsFailureIsTheClientsLastWord) {
  VerbatimWorld world;
  world.ConnectClient();
  world.Complete("Failed", "no such user");
  world.Pass(VerbatimSession::kCloseMax);
  EXPECT_EQ(world.client.last_word, "no such user");
  EXPECT_TRUE(world.session->over());
}

TEST(VerbatimSession, TheLastOutputIsWaitedForBeforeTheLastWord) {
  VerbatimWorld world;
  world.Begin();
  world.Complete("Success");
  EXPECT_FALSE(world.over_reason.has_value()) << "its data channel is still there";
  world.CutClient();
  world.Say(world.agent, "the end");
  world.Run();
  world.CutAgent();
  EXPECT_FALSE(world.over_reason.has_value()) << "the client may come back for it";
  world.ConnectClient();
  EXPECT_EQ(world.client.heard, "the end");
  EXPECT_TRUE(world.over_reason.has_value());
}

TEST(VerbatimSession, AClientThatEndedItIsNotWaitedFor) {
  VerbatimWorld world(VerbatimWorld::Grant(engine::SessionKind::kTcp));
  world.Begin();
  const auto flag = Encode(engine::datachannel::SessionFlag::kTerminateSession);
  world.Say(world.client, engine::AsText(flag), PayloadType::kFlag);
  world.Run();
  world.CutClient();
  world.Say(world.agent, "nobody hears it");
  world.Run();
  world.CutAgent();
  world.Complete("Success");
  EXPECT_TRUE(world.over_reason.has_value());
}

TEST(VerbatimSession, WhoStaysAwayEndsIt) {
  for (const bool is_client : {false, true}) {
    VerbatimWorld world;
    world.Begin();
    is_client ? world.CutClient() : world.CutAgent();
    world.Pass(is_client ? GatewaySession::kAwayMax : AgentSession::kAwayMax);
    EXPECT_TRUE(world.over_reason.has_value());
    EXPECT_EQ(world.told.size(), 2u);
  }
  VerbatimWorld world;
  world.ConnectClient();
  world.Pass(AgentSession::kStartMax);
  EXPECT_NE(world.client.last_word.find("did not begin"), std::string::npos);
}

TEST(VerbatimSession, OnlyTheUserKeepsAProgramFromBeingIdle) {
  SessionGrant grant = VerbatimWorld::Grant();
  grant.idle_max = seconds(60);
  VerbatimWorld world(grant);
  world.Begin();
  world.Pass(seconds(50));
  world.Say(world.client, "x");
  world.Run();
  world.Say(world.agent, "output");
  world.Pass(seconds(50));
  EXPECT_FALSE(world.over_reason.has_value());
  world.Pass(seconds(10));
  EXPECT_NE(world.client.last_word.find("idleSessionTimeout"), std::string::npos);
}

// smux's, which both sides send all the time.
TEST(VerbatimSession, KeepAlivesKeepNothingFromBeingIdle) {
  SessionGrant grant = VerbatimWorld::Grant(engine::SessionKind::kTcp);
  grant.idle_max = seconds(60);
  constexpr std::string_view kKeepAlives("\1\3\0\0\0\0\0\0\1\3\0\0\0\0\0\0", 16);
  VerbatimWorld world(grant);
  world.Begin();
  for (const std::string_view said : {std::string_view("\1\2\1\0\3\0\0\0x", 9), kKeepAlives}) {
    ASSERT_FALSE(world.over_reason.has_value());
    for (int i = 0; i < 2; ++i) {
      world.Pass(seconds(30));
      world.Say(world.client, said);
      world.Say(world.agent, said);
      world.Run();
    }
  }
  EXPECT_NE(world.client.last_word.find("idleSessionTimeout"), std::string::npos);
}

TEST(VerbatimSession, WhatIsTypedAfterATerminationGoesNowhere) {
  VerbatimWorld world;
  world.Begin();
  world.client.is_ready = false;  // It does not acknowledge: the last word has to wait.
  world.Say(world.agent, "$ ");
  world.Run();
  world.session->End("The session was terminated.", world.now);
  world.Say(world.client, "rm -r *\r");
  world.Run();
  EXPECT_FALSE(world.over_reason.has_value());
  EXPECT_EQ(world.agent.heard, "");
}

TEST(VerbatimSession, NobodyWhoComesAgainAndAgainMakesAFarewellLast) {
  VerbatimWorld world;
  world.Begin();
  world.client.is_ready = false;
  world.Say(world.agent, "$ ");
  world.Run();
  world.session->End("The session was terminated.", world.now);
  world.Run();
  for (int i = 0; i < 4 && !world.over_reason.has_value(); ++i) {
    world.Pass(milliseconds(500));
    if (!world.over_reason.has_value()) world.ConnectClient();
  }
  EXPECT_TRUE(world.over_reason.has_value());
}

// While the agent's data channel is still open, nothing else is looked at: not who is away.
TEST(VerbatimSession, WhatElseIsDueWhileTheAgentClosesIsNotWokenFor) {
  VerbatimWorld world;
  world.Begin();
  world.CutClient();
  world.Pass(GatewaySession::kAwayMax - seconds(1));
  world.Complete("Success");
  world.Pass(seconds(2));
  EXPECT_FALSE(world.over_reason.has_value());
  EXPECT_LE(world.session->NextDeadline(), world.now + VerbatimSession::kCloseMax);
}

TEST(VerbatimSession, AnotherClientWithTheTokenIsRefused) {
  VerbatimWorld world;
  EXPECT_EQ(world.session->Refusal("anybody"), "");
  world.Begin();
  EXPECT_EQ(world.session->Refusal("client-1"), "");
  EXPECT_NE(world.session->Refusal("another"), "");
}

TEST(VerbatimSession, TheLossOfTheNodeIsToldToBoth) {
  VerbatimWorld world;
  world.Begin();
  world.session.reset();
  EXPECT_NE(world.client.last_word.find("node was lost"), std::string::npos);
  EXPECT_EQ(world.agent.notices.back(), MessageType::kChannelClosed);
  EXPECT_TRUE(world.over_reason.has_value());
}

TEST(VerbatimSession, WhatIsNoMessageGoesNowhere) {
  VerbatimWorld world;
  world.Begin();
  world.client.to_say.push_back("no message");
  std::string broken =
      SpokenChannel::Encoded(MessageType::kInputStreamData, "x", 0, PayloadType::kOutput);
  broken.back() = 'y';
  world.client.to_say.push_back(broken);
  world.client.to_say.push_back(
      SpokenChannel::Encoded(MessageType::kOutputStreamData, "x", 0, PayloadType::kOutput));
  world.client.to_say.push_back(SpokenChannel::Encoded(MessageType::kChannelClosed, "{}", 0, {}));
  world.Run();
  EXPECT_TRUE(world.agent.came.empty());
  EXPECT_TRUE(world.client.came.empty());
  EXPECT_EQ(Count(world.agent.notices, MessageType::kChannelClosed), 0u);
}

// The worst manners one can have, in both directions, with connections that are cut: everything
// arrives, once and in order, and is seen so.
TEST(VerbatimSession, EveryByteArrivesWhateverTheConnectionsDo) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Seen seen;
    VerbatimWorld world(VerbatimWorld::Grant(), &seen, seed);
    world.lose = static_cast<uint32_t>(seed % 3 * 2);
    world.repeat = 10;
    world.swap = 30;
    world.Begin();
    std::string in, out;
    for (int i = 0; i < 400; ++i) {
      in += world.Numbered(world.client, i);
      out += world.Numbered(world.agent, i);
      switch (world.random.Range(0, 29)) {
        case 0:
          world.client.is_connected ? world.CutClient() : world.ConnectClient();
          break;
        case 1:
          world.agent.is_connected ? world.CutAgent() : world.ConnectAgent();
          break;
        default:
          world.Pass(milliseconds(20));
      }
    }
    world.lose = 0;
    if (!world.client.is_connected) world.ConnectClient();
    if (!world.agent.is_connected) world.ConnectAgent();
    // What was lost of the client's last words shows by the next.
    out += world.Numbered(world.agent, 0);
    for (int i = 0; i < 3'000 && (world.agent.heard != in || world.client.heard != out); ++i) {
      world.Pass(milliseconds(100));
    }
    EXPECT_EQ(world.agent.heard, in);
    EXPECT_EQ(world.client.heard, out);
    EXPECT_EQ(seen.input, in);
    EXPECT_EQ(seen.output, out);
    for (int i = 0; i < 1'500; ++i) world.Pass(milliseconds(100));
    EXPECT_TRUE(world.agent.unacknowledged.empty()) << world.agent.unacknowledged.size();
  }
}

}  // namespace
}  // namespace relay
