// Goal: a token lets one side of one lane in, once and not for long; a lane ends in its time,
// whatever its sides do, and is reported once.
// Method: joiners made by hand on a simulated network; virtual time.

#include "relay/switchboard/lane_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/sim/sim_loop.h"
#include "relay/switchboard/socket_leg.h"
#include "tests/unit/switchboard/bare_peer.h"
#include "tests/unit/switchboard/recording_control.h"
#include "tests/unit/switchboard/test_lane.h"

namespace relay {
namespace {

using engine::CloseCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr uint32_t kLoop = 2;
constexpr uint16_t kBlockCount = 64;

// Comer is one side's connection until it is joined, and the peer behind it.
class Comer final : public Joiner {
 public:
  explicit Comer(engine::sim::SimLoop& loop, bool is_wrapped = false)
      : loop_(loop), is_wrapped_(is_wrapped) {
    const auto pair = loop.ConnectedPair();
    peer = std::make_unique<BarePeer>(loop, pair[0]);
    own_ = pair[1];
  }
  ~Comer() {
    if (own_.valid()) {  // Refused, cut, or never joined: the joiner's to close.
      BarePeer own(loop_, std::exchange(own_, {}));
      Close(own);
    }
    Close(*peer);
  }

  bool is_open() const override { return !leaving; }
  bool is_early() const override { return early; }
  std::string source_address() const override { return "192.0.2.7"; }
  bool Join() override {
    joined = true;
    return !is_wrapped_;
  }
  std::unique_ptr<Leg> TakeLeg() override { return std::make_unique<SocketLeg>(loop_, Detach()); }
  void Refuse(CloseCode code, std::string_view text) override {
    EXPECT_FALSE(refused.has_value());
    refused = code;
    refusal = text;
  }
  void Cut() override { was_cut = true; }

  // Detach gives the socket away.
  engine::DetachedSocket Detach() { return {std::exchange(own_, {}), {}}; }

  bool leaving = false;
  bool early = false;
  bool joined = false;
  bool was_cut = false;
  std::optional<CloseCode> refused;
  std::string refusal;
  std::unique_ptr<BarePeer> peer;

 private:
  void Close(BarePeer& end) {
    end.Close();
    while (!end.closed()) loop_.RunOnce(milliseconds(10));
  }

  engine::sim::SimLoop& loop_;
  const bool is_wrapped_;
  engine::Socket own_;
};

class LaneTableTest : public testing::Test {
 protected:
  ~LaneTableTest() override {
    table_.Stop();
    table_.CutAll("the test is over");
    EXPECT_TRUE(Run([&] { return table_.empty(); }));
    EXPECT_EQ(table_.joined_count(), 0u);
  }

  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = loop_.Now() + seconds(60);
    while (!done()) {
      if (loop_.Now() >= end) return false;
      loop_.RunOnce(milliseconds(10));
    }
    return true;
  }
  void RunFor(engine::Duration time) {
    const engine::Instant end = loop_.Now() + time;
    while (loop_.Now() < end) loop_.RunOnce(end - loop_.Now());
  }

  // Claim finds the lane of a token and takes its side, as a role does.
  Lane* Claim(const std::string& token, const std::string& node_id, Comer& comer) {
    const ClaimOutcome outcome = table_.Find(token, node_id);
    if (outcome.lane != nullptr) outcome.lane->Claim(outcome.side, comer);
    return outcome.lane;
  }

  // Joined makes a lane with both sides bare.
  Lane& Join(const TestLane& lane, Comer& client, Comer& node) {
    table_.Add(lane.grant);
    Lane* found = Claim(lane.client_token, "", client);
    Claim(lane.node_token, TestLane::kNode, node);
    found->Detached(LaneSide::kClient, client.Detach());
    found->Detached(LaneSide::kNode, node.Detach());
    EXPECT_TRUE(found->is_joined());
    return *found;
  }

  bool IsRefused(const std::string& token, const std::string& node_id) {
    const ClaimOutcome outcome = table_.Find(token, node_id);
    EXPECT_EQ(outcome.code == CloseCode::kBadToken, outcome.lane == nullptr);
    return outcome.lane == nullptr;
  }

  engine::sim::SimLoop loop_{
      1,
      {.delay = 0, .short_receive = 0, .short_send = 0, .cancel_loses = 0, .reset_loses_bytes = 0},
      kBlockCount,
      32 * 1024};
  RecordingControl control_;
  int emptied_count_ = 0;
  LaneTable table_{loop_, kLoop, control_, [this] { ++emptied_count_; }};
};

TEST_F(LaneTableTest, WhatIsCutOfASessionIsWhatIsJoined) {
  const TestLane joined(kLoop);
  TestLane waiting(kLoop);
  waiting.grant.id = {joined.grant.id.session_id, joined.grant.id.number + 1};
  Comer client(loop_), node(loop_);
  Join(joined, client, node);
  table_.Add(waiting.grant);
  table_.CutLost({"nobody"}, "why");
  table_.CutLost({joined.grant.id.session_id}, "why");
  ASSERT_TRUE(Run([&] { return table_.joined_count() == 0; }));
  EXPECT_FALSE(IsRefused(waiting.client_token, "")) << "it may still come";
}

TEST_F(LaneTableTest, OfSeveralConnectionsTheOneThatIsNamedIsCutAlone) {
  const TestLane first(kLoop), second(kLoop), waiting(kLoop);
  Comer client(loop_), node(loop_), other_client(loop_), other_node(loop_), comer(loop_);
  Join(first, client, node);
  Join(second, other_client, other_node);
  table_.Add(waiting.grant);
  Claim(waiting.client_token, "", comer);
  const std::string session = first.grant.id.session_id;
  table_.CutLost({"another", first.node_token}, "why");
  table_.CutLost({session, first.client_token}, "why");
  table_.CutLost({session, first.node_token + "x"}, "why");
  table_.CutLost({session, "no token"}, "why");
  RunFor(std::chrono::seconds(1));
  EXPECT_EQ(table_.joined_count(), 2u) << "nobody has said so who may";
  table_.CutLost({session, first.node_token}, "why");
  table_.CutLost({waiting.grant.id.session_id, waiting.node_token}, "why");
  ASSERT_TRUE(Run([&] { return table_.joined_count() == 1; }));
  EXPECT_EQ(comer.refused, CloseCode::kNodeGone) << "so that it asks again at once";
  RunFor(std::chrono::seconds(1));
  EXPECT_EQ(table_.joined_count(), 1u);
  table_.CutLost({session, first.node_token}, "why");
}

TEST_F(LaneTableTest, WhatANodeWasToldOfOnALinkThatIsGoneIsRefused) {
  TestLane lost(kLoop), other(kLoop), first(kLoop), claimed(kLoop);
  lost.grant.link_serial = claimed.grant.link_serial = 7;
  other.grant.link_serial = 8;
  for (const TestLane* lane : {&lost, &other, &first, &claimed}) table_.Add(lane->grant);
  Comer client(loop_), node(loop_);
  Claim(lost.client_token, "", client);
  Claim(claimed.node_token, TestLane::kNode, node);
  table_.RefuseReturns(7);
  EXPECT_EQ(client.refused, CloseCode::kNodeGone);
  EXPECT_FALSE(node.refused.has_value()) << "it has heard";
  EXPECT_TRUE(IsRefused(lost.node_token, TestLane::kNode));
  EXPECT_FALSE(IsRefused(other.node_token, TestLane::kNode));
  EXPECT_FALSE(IsRefused(first.node_token, TestLane::kNode));
  EXPECT_FALSE(IsRefused(claimed.client_token, ""));
}

// ------------------------------------------------------------------------ tokens

TEST_F(LaneTableTest, ATokenIsForItsSideAlone) {
  const TestLane lane(kLoop);
  table_.Add(lane.grant);
  EXPECT_TRUE(IsRefused(lane.client_token, TestLane::kNode)) << "the client's, from the node";
  EXPECT_TRUE(IsRefused(lane.node_token, "")) << "the node's, from a client";
  EXPECT_TRUE(IsRefused(lane.node_token, "mi-00000000000000000")) << "from another node";
  const ClaimOutcome client = table_.Find(lane.client_token, "");
  ASSERT_NE(client.lane, nullptr);
  EXPECT_EQ(client.side, LaneSide::kClient);
  const ClaimOutcome node = table_.Find(lane.node_token, TestLane::kNode);
  EXPECT_EQ(node.lane, client.lane);
  EXPECT_EQ(node.side, LaneSide::kNode);
}

TEST_F(LaneTableTest, ATokenThatIsNotOneIsRefusedAndUsesNothingUp) {
  const TestLane lane(kLoop);
  const TestLane other(kLoop);
  table_.Add(lane.grant);
  std::string wrong = lane.client_token;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  const std::string secret = lane.client_token.substr(lane.client_token.rfind('.'));
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("x"), wrong,
        lane.client_token.substr(0, lane.client_token.size() - 1), lane.client_token + "A",
        other.client_token, std::to_string(kLoop) + "." + other.grant.name + secret,
        std::to_string(kLoop) + "." + lane.grant.name, "0" + lane.client_token,
        std::string("-1") + lane.client_token.substr(1),
        std::string("99999999999") + lane.client_token.substr(1), std::string(100'000, '2'),
        lane.client_token + std::string("\0", 1)}) {
    EXPECT_TRUE(IsRefused(token, "")) << token.substr(0, 100);
    EXPECT_TRUE(IsRefused(token, TestLane::kNode)) << token.substr(0, 100);
  }
  EXPECT_FALSE(IsRefused(lane.client_token, ""));
  EXPECT_FALSE(IsRefused(lane.node_token, TestLane::kNode));
}

TEST_F(LaneTableTest, ATokenWorksOnce) {
  const TestLane lane(kLoop);
  table_.Add(lane.grant);
  Comer client(loop_);
  ASSERT_NE(Claim(lane.client_token, "", client), nullptr);
  EXPECT_TRUE(IsRefused(lane.client_token, ""));
  EXPECT_FALSE(IsRefused(lane.node_token, TestLane::kNode)) << "the other side still may come";
  Comer node(loop_);
  Lane* found = Claim(lane.node_token, TestLane::kNode, node);
  EXPECT_TRUE(IsRefused(lane.node_token, TestLane::kNode));
  found->Detached(LaneSide::kClient, client.Detach());
  found->Detached(LaneSide::kNode, node.Detach());
  EXPECT_TRUE(IsRefused(lane.client_token, "")) << "nor when it is joined";
  EXPECT_TRUE(IsRefused(lane.node_token, TestLane::kNode));
}

TEST_F(LaneTableTest, ATokenOfAnotherLoopSaysWhichOne) {
  const ClaimOutcome outcome = table_.Find(TestLane(7).client_token, "");
  EXPECT_EQ(outcome.code, CloseCode::kElsewhere);
  EXPECT_EQ(outcome.text, "7");
  EXPECT_EQ(outcome.lane, nullptr);
}

TEST_F(LaneTableTest, TokensDieWhenTheirTimeIsOver) {
  const TestLane lane(kLoop);
  table_.Add(lane.grant);
  RunFor(lane.grant.join_max - milliseconds(1));
  EXPECT_FALSE(IsRefused(lane.client_token, ""));
  EXPECT_TRUE(control_.ended.empty());
  RunFor(milliseconds(2));
  EXPECT_TRUE(IsRefused(lane.client_token, ""));
  EXPECT_TRUE(IsRefused(lane.node_token, TestLane::kNode));
  ASSERT_EQ(control_.ended.size(), 1u);
  EXPECT_EQ(control_.ended[0].first.session_id, "admin-1");
  EXPECT_FALSE(control_.ended[0].second.was_joined);
  EXPECT_THAT(control_.ended[0].second.reason, HasSubstr("in time"));
  EXPECT_TRUE(table_.empty());
  EXPECT_EQ(emptied_count_, 1);
}

// ----------------------------------------------------------------------- joining

TEST_F(LaneTableTest, EitherSideMayComeFirst) {
  for (const bool client_first : {true, false}) {
    const TestLane lane(kLoop);
    table_.Add(lane.grant);
    Comer client(loop_), node(loop_);
    Lane* found = client_first ? Claim(lane.client_token, "", client)
                               : Claim(lane.node_token, TestLane::kNode, node);
    EXPECT_FALSE(client.joined);
    EXPECT_FALSE(node.joined) << "nobody is joined to nobody";
    RunFor(seconds(9));
    client_first ? Claim(lane.node_token, TestLane::kNode, node)
                 : Claim(lane.client_token, "", client);
    EXPECT_TRUE(client.joined);
    EXPECT_TRUE(node.joined);
    EXPECT_FALSE(found->is_joined()) << "not before both have laid TLS aside";
    RunFor(seconds(2));
    found->Detached(LaneSide::kNode, node.Detach());
    EXPECT_FALSE(found->is_joined());
    found->Detached(LaneSide::kClient, client.Detach());
    EXPECT_TRUE(found->is_joined());
    EXPECT_EQ(table_.joined_count(), 1u);
    EXPECT_EQ(control_.joined.back().second, "192.0.2.7");
    client.peer->Say("hello");
    client.peer->Finish();
    ASSERT_TRUE(Run([&] { return node.peer->ended; }));
    EXPECT_EQ(node.peer->heard, "hello");
    node.peer->Finish();
    ASSERT_TRUE(Run([&] { return table_.empty(); }));
    EXPECT_TRUE(control_.ended.back().second.was_joined);
    EXPECT_EQ(control_.ended.back().second.to_node_bytes, 5u);
  }
  EXPECT_EQ(control_.joined.size(), 2u);
  EXPECT_EQ(control_.ended.size(), 2u);
}

TEST_F(LaneTableTest, WhoWaitsInVainIsToldSo) {
  const TestLane lane(kLoop);
  table_.Add(lane.grant);
  Comer client(loop_);
  Claim(lane.client_token, "", client);
  RunFor(lane.grant.join_max + milliseconds(1));
  EXPECT_EQ(client.refused, CloseCode::kTimedOut);
  EXPECT_THAT(client.refusal, HasSubstr("in time"));
  EXPECT_TRUE(table_.empty());
}

TEST_F(LaneTableTest, ASideThatLeavesWhileItWaitsTakesTheLaneWithIt) {
  for (const bool is_client : {true, false}) {
    const TestLane lane(kLoop);
    table_.Add(lane.grant);
    Comer comer(loop_);
    Lane* found = is_client ? Claim(lane.client_token, "", comer)
                            : Claim(lane.node_token, TestLane::kNode, comer);
    found->Gone(is_client ? LaneSide::kClient : LaneSide::kNode, "a reset");
    EXPECT_TRUE(IsRefused(lane.client_token, ""));
    EXPECT_TRUE(IsRefused(lane.node_token, TestLane::kNode));
    EXPECT_FALSE(comer.refused.has_value()) << "nobody is there to hear it";
    ASSERT_FALSE(control_.ended.empty());
    EXPECT_THAT(control_.ended.back().second.reason,
                HasSubstr(is_client ? "the client left" : "the node left"));
    EXPECT_THAT(control_.ended.back().second.reason, HasSubstr("a reset"));
    ASSERT_TRUE(Run([&] { return table_.empty(); }));
  }
}

TEST_F(LaneTableTest, ASideThatLeavesWhileTlsIsLaidAsideCutsTheOther) {
  for (const bool other_is_ready : {true, false}) {
    const TestLane lane(kLoop);
    table_.Add(lane.grant);
    Comer client(loop_), node(loop_);
    Lane* found = Claim(lane.client_token, "", client);
    Claim(lane.node_token, TestLane::kNode, node);
    if (other_is_ready) found->Detached(LaneSide::kClient, client.Detach());
    found->Gone(LaneSide::kNode, "a reset");
    EXPECT_FALSE(client.refused.has_value()) << "it has read `joined` already";
    EXPECT_EQ(client.was_cut, !other_is_ready);
    if (other_is_ready) {
      EXPECT_TRUE(Run([&] { return client.peer->was_reset; }));
    }
    ASSERT_TRUE(Run([&] { return table_.empty(); }));
    EXPECT_FALSE(control_.ended.back().second.was_joined);
  }
  EXPECT_TRUE(control_.joined.empty());
  EXPECT_EQ(control_.ended.size(), 2u);
}

TEST_F(LaneTableTest, WhatWasSentBeforeJoinedRefusesBoth) {
  for (const bool client_is_early : {true, false}) {
    const TestLane lane(kLoop);
    table_.Add(lane.grant);
    Comer client(loop_), node(loop_);
    client.early = client_is_early;
    node.early = !client_is_early;
    Claim(lane.client_token, "", client);
    Claim(lane.node_token, TestLane::kNode, node);
    EXPECT_EQ(client.refused, CloseCode::kProtocolError);
    EXPECT_EQ(node.refused, CloseCode::kProtocolError);
    EXPECT_FALSE(client.joined);
    EXPECT_FALSE(node.joined);
    ASSERT_TRUE(Run([&] { return table_.empty(); }));
  }
}

TEST_F(LaneTableTest, WhoIsLeavingIsNotJoinedAndTheOtherSideIsToldSo) {
  for (const bool client_leaves : {true, false}) {
    const TestLane lane(kLoop);
    table_.Add(lane.grant);
    Comer client(loop_), node(loop_);
    (client_leaves ? client : node).leaving = true;
    Claim(lane.client_token, "", client);
    Claim(lane.node_token, TestLane::kNode, node);
    EXPECT_FALSE(client.joined);
    EXPECT_FALSE(node.joined);
    const Comer& other = client_leaves ? node : client;
    EXPECT_EQ(other.refused, client_leaves ? CloseCode::kSessionEnded : CloseCode::kNodeGone);
    EXPECT_THAT(other.refusal, HasSubstr(client_leaves ? "the client left" : "the node left"));
    ASSERT_TRUE(Run([&] { return table_.empty(); }));
  }
  EXPECT_TRUE(control_.joined.empty());
}

TEST_F(LaneTableTest, ALegInsideTlsIsJoinedLikeABareOne) {
  for (const bool both : {true, false}) {
    const TestLane lane(kLoop);
    table_.Add(lane.grant);
    Comer client(loop_, true), node(loop_, both);
    Lane* found = Claim(lane.client_token, "", client);
    Claim(lane.node_token, TestLane::kNode, node);
    if (!both) {
      EXPECT_FALSE(found->is_joined());
      found->Detached(LaneSide::kNode, node.Detach());
    }
    ASSERT_TRUE(found->is_joined());
    client.peer->Say("in");
    node.peer->Say("out");
    EXPECT_TRUE(Run([&] { return node.peer->heard == "in" && client.peer->heard == "out"; }));
    table_.EndSession("admin-1", "enough");
    ASSERT_TRUE(Run([&] { return table_.empty(); }));
    EXPECT_EQ(control_.ended.back().second.to_client_bytes, 3u);
  }
}

// ----------------------------------------------------------------------- the end

TEST_F(LaneTableTest, AnEndedSessionIsCutWithinASecondWhateverItsSidesDo) {
  const TestLane lane(kLoop);
  Comer client(loop_), node(loop_);
  Join(lane, client, node);
  const engine::Instant start = loop_.Now();
  table_.EndSession("admin-1", "Terminated by bob.");
  RunFor(Lane::kCutGrace - milliseconds(1));
  EXPECT_FALSE(client.peer->was_reset) << "they may say goodbye";
  client.peer->Say("goodbye");
  ASSERT_TRUE(Run([&] { return client.peer->was_reset && node.peer->was_reset; }));
  EXPECT_EQ(node.peer->heard, "goodbye");
  EXPECT_LT(loop_.Now() - start, seconds(1));
  ASSERT_TRUE(Run([&] { return table_.empty(); }));
  ASSERT_EQ(control_.ended.size(), 1u);
  EXPECT_EQ(control_.ended[0].second.reason, "Terminated by bob.");
  EXPECT_TRUE(control_.ended[0].second.was_joined);
}

TEST_F(LaneTableTest, AnotherEndOfTheSessionDoesNotPutTheCutOff) {
  const TestLane lane(kLoop);
  Comer client(loop_), node(loop_);
  Join(lane, client, node);
  const engine::Instant start = loop_.Now();
  table_.EndSession("admin-1", "first");
  RunFor(milliseconds(500));
  table_.EndSession("admin-1", "second");
  client.peer->Finish();
  ASSERT_TRUE(Run([&] { return table_.empty(); }));
  EXPECT_LT(loop_.Now() - start, seconds(1));
  EXPECT_EQ(control_.ended[0].second.reason, "first");
}

TEST_F(LaneTableTest, ASideThatStaysWhenTheOtherHasEndedIsCutAfterAWhile) {
  const TestLane lane(kLoop);
  Comer client(loop_), node(loop_);
  Join(lane, client, node);
  client.peer->Finish();
  ASSERT_TRUE(Run([&] { return node.peer->ended; }));
  RunFor(Lane::kLingerMax - seconds(1));
  node.peer->Say("still");
  ASSERT_TRUE(Run([&] { return client.peer->heard == "still"; }));
  EXPECT_FALSE(table_.empty());
  RunFor(seconds(2));
  EXPECT_TRUE(table_.empty());
  EXPECT_TRUE(client.peer->was_reset);
  EXPECT_EQ(control_.ended.at(0).second.reason, "the client's connection was closed");
}

TEST_F(LaneTableTest, AnEndedSessionTakesAllItsLanesAndNoOther) {
  const TestLane first(kLoop, "admin-1", 0), second(kLoop, "admin-1", 1), other(kLoop, "bob-1");
  table_.Add(first.grant);
  table_.Add(second.grant);
  table_.Add(other.grant);
  EXPECT_EQ(table_.size(), 3u);
  Comer client(loop_), node(loop_);
  Claim(first.client_token, "", client);
  Claim(second.node_token, TestLane::kNode, node);
  table_.EndSession("nobody-1", "no error");
  EXPECT_EQ(table_.size(), 3u);
  table_.EndSession("admin-1", "enough");
  EXPECT_EQ(client.refused, CloseCode::kSessionEnded);
  EXPECT_EQ(client.refusal, "enough");
  EXPECT_EQ(node.refused, CloseCode::kSessionEnded);
  EXPECT_EQ(control_.ended.size(), 2u);
  EXPECT_TRUE(IsRefused(first.node_token, TestLane::kNode));
  EXPECT_FALSE(IsRefused(other.client_token, ""));
  table_.EndSession("admin-1", "again");
  EXPECT_EQ(control_.ended.size(), 2u);
}

TEST_F(LaneTableTest, AnEndWhileTlsIsLaidAsideCutsBoth) {
  const TestLane lane(kLoop);
  table_.Add(lane.grant);
  Comer client(loop_), node(loop_);
  Claim(lane.client_token, "", client);
  Claim(lane.node_token, TestLane::kNode, node);
  table_.EndSession("admin-1", "enough");
  EXPECT_TRUE(client.was_cut);
  EXPECT_TRUE(node.was_cut);
  ASSERT_EQ(control_.ended.size(), 1u);
  EXPECT_EQ(control_.ended[0].second.reason, "enough");
}

TEST_F(LaneTableTest, ARelayThatStopsRefusesWhatWaitsAndLetsGoOnWhatIsJoined) {
  const TestLane joined(kLoop, "admin-1"), waiting(kLoop, "bob-1"), late(kLoop, "carol-1");
  Comer client(loop_), node(loop_), waiter(loop_);
  Join(joined, client, node);
  table_.Add(waiting.grant);
  Claim(waiting.client_token, "", waiter);
  table_.Stop();
  EXPECT_EQ(waiter.refused, CloseCode::kShuttingDown);
  table_.Add(late.grant);
  EXPECT_TRUE(IsRefused(late.client_token, ""));
  EXPECT_EQ(control_.ended.size(), 2u);
  client.peer->Say("on");
  ASSERT_TRUE(Run([&] { return node.peer->heard == "on"; }));
  EXPECT_EQ(emptied_count_, 0);
  table_.CutAll("the relay is stopping");
  ASSERT_TRUE(Run([&] { return client.peer->was_reset && node.peer->was_reset; }));
  ASSERT_TRUE(Run([&] { return table_.empty(); }));
  EXPECT_EQ(emptied_count_, 1);
  EXPECT_EQ(control_.ended.back().second.reason, "the relay is stopping");
}

}  // namespace
}  // namespace relay
