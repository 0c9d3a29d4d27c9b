// Goal: the two sides of a lane are joined whichever comes first, and who waits in vain, leaves or
// speaks too early takes the lane with it, of which the other side is told. Method:
// lane_table_fixture.h.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/switchboard/lane_table_fixture.h"

namespace relay {
namespace {

using engine::CloseCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

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

}  // namespace
}  // namespace relay
