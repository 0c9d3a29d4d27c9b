// Goal: a lane ends in its time, whatever its sides do, and is reported once; of several exactly
// those end that were meant. Method: lane_table_fixture.h.

#include "relay/switchboard/lane_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "engine/wire/session_plan.h"
#include "tests/unit/switchboard/lane_table_fixture.h"

namespace relay {
namespace {

using engine::CloseCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

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
  table_.CutAll(engine::kRelayStoppingText);
  ASSERT_TRUE(Run([&] { return client.peer->was_reset && node.peer->was_reset; }));
  ASSERT_TRUE(Run([&] { return table_.empty(); }));
  EXPECT_EQ(emptied_count_, 1);
  EXPECT_EQ(control_.ended.back().second.reason, engine::kRelayStoppingText);
}

}  // namespace
}  // namespace relay
