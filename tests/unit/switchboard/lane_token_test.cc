// Goal: a token lets one side of one lane in, once and not for long.
// Method: lane_table_fixture.h.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/unit/switchboard/lane_table_fixture.h"

namespace relay {
namespace {

using engine::CloseCode;
using std::chrono::milliseconds;
using testing::HasSubstr;

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

}  // namespace
}  // namespace relay
