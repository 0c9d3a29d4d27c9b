// Goal: a sealed session ends, in the store and at its node as well, however its client, its node
// and the network behave.
// Method: a fake data plane, a real store, and times that the test gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>

#include "tests/unit/broker/sealed_broker_fixture.h"

namespace relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

class SealedEndTest : public SealedBrokerFixture {};

TEST_F(SealedEndTest, ItEndsWithItsLastLaneAndTheNodesLastWord) {
  const std::string id = StartJoined();
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
  broker.LaneJoined({id, 1}, "192.0.2.7", kNow);
  broker.LaneEnded({id, 0}, Ended(1'000, 2'000), kNow + 1);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  broker.LaneEnded({id, 1}, Ended(10, 20), kNow + 2);
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
  EXPECT_EQ(broker.live_count(), 1u) << "the node's last news are awaited";
  engine::StreamNews news;
  news.session_id = id;
  news.serial = 4;
  news.is_closed = true;
  news.outcome = "normal";
  broker.NodeToldOfStream(kNode, news, kNow + 3);
  broker.NodeEndedSession(kNode, {id, "the client left"}, kNow + 4);
  EXPECT_EQ(broker.live_count(), 0u);
  const auto session = store->FindSession(id);
  EXPECT_EQ(session->status, SessionStatus::kTerminated);
  EXPECT_EQ(session->details, "the client's connection was closed");
  EXPECT_EQ(session->bytes_in, 1'010u);
  EXPECT_EQ(session->bytes_out, 2'020u);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "StreamClosed", "SessionEnded"));
}

TEST_F(SealedEndTest, ANodeThatSaysNothingAtTheEndIsWaitedForTwoSeconds) {
  const std::string id = StartJoined();
  broker.LaneEnded({id, 0}, Ended(1'000, 2'000), kNow);
  broker.Tick(kNow + 1'999);
  EXPECT_EQ(broker.live_count(), 1u);
  broker.Tick(kNow + 2'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(store->FindSession(id)->bytes_out, 2'000u);
}

TEST_F(SealedEndTest, ATerminationTellsTheNodeAndCutsTheLanes) {
  const std::string id = StartJoined();
  ASSERT_TRUE(broker.TerminateSession(id, "Terminated by arn:bob.", kNow + 9).ok());
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
  EXPECT_EQ(plane.Told<engine::SessionStop>().reason, "Terminated by arn:bob.");
  EXPECT_THAT(plane.lanes_ended, ElementsAre(Pair(id, "Terminated by arn:bob.")));
  EXPECT_TRUE(plane.ended.empty());
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
  ASSERT_TRUE(broker.TerminateSession(id, "again", kNow + 10).ok());
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
  broker.NodeEndedSession(kNode, {id, "stopped"}, kNow + 10);
  EXPECT_EQ(broker.live_count(), 1u) << "its lane is not over";
  broker.LaneEnded({id, 0}, Ended(1, 2), kNow + 700);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(LastRecord(), HasSubstr("Terminated by arn:bob."));
  EXPECT_EQ(store->FindSession(id)->bytes_in, 1u);
}

TEST_F(SealedEndTest, AnEndThatNobodyReportsIsWrittenAllTheSame) {
  const std::string id = StartJoined();
  ASSERT_TRUE(broker.TerminateSession(id, "why", kNow).ok());
  broker.Tick(kNow + 29'999);
  EXPECT_EQ(broker.live_count(), 1u);
  broker.Tick(kNow + 30'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "SessionEnded"));
  broker.LaneEnded({id, 0}, Ended(1, 2), kNow + 30'001);  // No harm.
}

TEST_F(SealedEndTest, ANodeThatWasAwayHearsOfAnEndUntilItSaysThatItKnows) {
  access_ = "{}";
  const std::string id = StartJoined();
  const auto nodes = std::exchange(plane.nodes, {});
  ASSERT_TRUE(broker.TerminateSession(id, "why", kNow).ok());
  broker.LaneEnded({id, 0}, Ended(1, 2), kNow + 700);
  EXPECT_EQ(broker.live_count(), 0u);
  plane.nodes = nodes;
  plane.told.clear();
  broker.AskAbout("mi-2");
  EXPECT_TRUE(plane.told.empty());
  for (int i = 0; i < 2; ++i) {  // What it is told once may be lost with its link.
    plane.told.clear();
    broker.AskAbout(kNode);
    ASSERT_THAT(plane.told, SizeIs(2));
    EXPECT_EQ(std::get<engine::SessionStop>(plane.told[0]).session_id, id);
    EXPECT_EQ(std::get<engine::SessionStop>(plane.told[0]).reason, "why");
    EXPECT_EQ(plane.Told<engine::SessionCheck>().session_id, id);
  }
  broker.NodeEndedSession("mi-2", {id, "not mine"}, kNow + 900);
  broker.NodeEndedSession(kNode, {id, "why"}, kNow + 900);
  plane.told.clear();
  broker.AskAbout(kNode);
  EXPECT_TRUE(plane.told.empty());
}

TEST_F(SealedEndTest, ANodeThatDoesNotSayThatASessionIsOverIsToldAgain) {
  access_ = "{}";
  const std::string id = StartJoined();
  ASSERT_TRUE(broker.TerminateSession(id, "why", kNow).ok());
  plane.told.clear();
  broker.Tick(kNow + 30'000);
  EXPECT_EQ(broker.live_count(), 0u);
  ASSERT_THAT(plane.told, SizeIs(2));
  EXPECT_EQ(std::get<engine::SessionStop>(plane.told[0]).session_id, id);
}

TEST_F(SealedEndTest, OfANodeThatIsDeregisteredNoEndIsKept) {
  access_ = "{}";
  const std::string id = StartJoined();
  ASSERT_TRUE(broker.DeregisterNode(kNode, kNow).ok());
  broker.LaneEnded({id, 0}, Ended(1, 2), kNow + 700);
  EXPECT_EQ(broker.live_count(), 0u);
  plane.nodes[kNode] = 0;
  plane.told.clear();
  broker.AskAbout(kNode);
  EXPECT_TRUE(plane.told.empty());
}

TEST_F(SealedEndTest, WhatTheNodeEndsIsRecordedAsItsWord) {
  const std::string id = StartJoined();
  broker.NodeEndedSession("mi-2", {id, "mine"}, kNow);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected) << "not another node's";
  const size_t told_before = plane.told.size();
  broker.NodeEndedSession(kNode, {id, "idle for 900 s" + std::string(5'000, '.')}, kNow + 5);
  EXPECT_EQ(plane.told.size(), told_before) << "it knows";
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
  broker.LaneEnded({id, 0}, Ended(1, 2), kNow + 6);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(LastRecord(), HasSubstr(R"("reportedBy":"node")"));
  EXPECT_THAT(LastRecord(), HasSubstr("idle for 900 s"));
  EXPECT_LT(LastRecord().size(), 2'000u);
}

TEST_F(SealedEndTest, ASessionThatNobodyJoinsFailsAfterAMinute) {
  const std::string id = Start();
  broker.LaneEnded({id, 0}, Ended(0, 0, false), kNow + 10'000);
  broker.Tick(kNow + 59'999);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnecting);
  broker.Tick(kNow + 60'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kFailed);
  EXPECT_THAT(store->FindSession(id)->details, HasSubstr("did not connect in time"));
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
}

TEST_F(SealedEndTest, AClientThatDidNotGetThroughMayTryAgain) {
  const std::string id = StartJoined();
  broker.LaneEnded({id, 0}, Ended(500, SealedState::kBeginningBytes - 1), kNow + 1'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
  broker.LaneJoined({id, 1}, "", kNow + 2'000);
  broker.Tick(kNow + 100'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected) << "a lane is there";
  broker.LaneEnded({id, 1}, Ended(500, SealedState::kBeginningBytes), kNow + 100'001);
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated) << "it had begun";
}

TEST_F(SealedEndTest, AClientThatNeverGetsThroughFailsAfterAMinute) {
  const std::string id = StartJoined();
  broker.LaneEnded({id, 0}, Ended(500, 7), kNow + 1'000);
  broker.Tick(kNow + 59'999);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  broker.Tick(kNow + 60'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kFailed);
  EXPECT_THAT(store->FindSession(id)->details, HasSubstr("did not get through"));
}

TEST_F(SealedEndTest, ANodeHearsOfASessionThatDidNotOutliveTheRelay) {
  access_ = "{}";
  const std::string id = StartJoined();
  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return false; };
  ASSERT_TRUE(next.TakeOver(kNow + 1, goes_on).ok());
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
  plane.told.clear();
  next.AskAbout(kNode);
  ASSERT_THAT(plane.told, SizeIs(2));
  EXPECT_EQ(std::get<engine::SessionStop>(plane.told[0]).session_id, id);
}

TEST_F(SealedEndTest, AnEndThatARelayHadNoTimeToRecordIsRecordedByTheNextOneOnce) {
  access_ = "{}";
  const std::string by_relay = StartJoined();
  const std::string by_node = StartJoined();
  ASSERT_TRUE(broker.TerminateSession(by_relay, "Terminated by bob.", kNow + 7).ok());
  broker.NodeEndedSession(kNode, {by_node, "the client ended the session"}, kNow + 8);
  ASSERT_EQ(StatusOf(by_relay), SessionStatus::kTerminated);
  ASSERT_THAT(Events(), ElementsAre("SessionConnected", "SessionConnected"));  // And it is killed.
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  Broker next(*store, plane);
  ASSERT_TRUE(next.TakeOver(kNow + 1'000, goes_on).ok());
  EXPECT_EQ(next.live_count(), 0u);
  ASSERT_THAT(Events(),
              ElementsAre("SessionConnected", "SessionConnected", "SessionEnded", "SessionEnded"));
  const auto events = store->ListAudit(2, 2);
  for (const AuditEvent& event : *events) {
    const bool is_nodes = event.record.find(by_node) != std::string::npos;
    EXPECT_THAT(event.record,
                HasSubstr(is_nodes ? "the client ended the session" : "Terminated by bob."));
    EXPECT_EQ(event.record.find(R"("reportedBy":"node")") != std::string::npos, is_nodes);
    EXPECT_EQ(event.time_unix_ms, kNow + (is_nodes ? 8 : 7)) << "when it ended";
  }
  plane.told.clear();
  next.AskAbout(kNode);
  ASSERT_THAT(plane.told, SizeIs(2)) << "the node may not have heard the one that it did not say";
  EXPECT_EQ(std::get<engine::SessionStop>(plane.told[0]).session_id, by_relay);
  Broker third(*store, plane);
  ASSERT_TRUE(third.TakeOver(kNow + 2'000, goes_on).ok());
  EXPECT_THAT(Events(), SizeIs(4));
}

TEST_F(SealedEndTest, OfTwoEndsInOneGroupTheRecordSaysTheOneOfTheRow) {
  const std::string twice = StartJoined();
  const std::string by_node = StartJoined();
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(broker.TerminateSession(twice, "Terminated by bob.", kNow + 7).ok());
  ASSERT_TRUE(broker.TerminateSession(twice, "Terminated by eve.", kNow + 8).ok());
  ASSERT_TRUE(broker.TerminateSession(by_node, "Terminated by bob.", kNow + 7).ok());
  broker.NodeEndedSession(kNode, {by_node, "the client ended the session"}, kNow + 8);
  ASSERT_TRUE(store->CloseGroup().ok());
  for (const std::string& id : {twice, by_node}) {
    broker.LaneEnded({id, 0}, Ended(500, 7), kNow + 9);
    EXPECT_EQ(store->FindSession(id)->details, "Terminated by bob.");
  }
  broker.Flush(kNow + 10);
  ASSERT_THAT(Events(),
              ElementsAre("SessionConnected", "SessionConnected", "SessionEnded", "SessionEnded"));
  const auto events = store->ListAudit(2, 2);
  for (const AuditEvent& event : *events) {
    EXPECT_THAT(event.record, HasSubstr("Terminated by bob."));
    EXPECT_EQ(event.record.find("reportedBy"), std::string::npos);
  }
}

TEST_F(SealedEndTest, ARelayThatStopsRecordsTheEndsThatItWaitsFor) {
  const std::string id = StartJoined();
  ASSERT_TRUE(broker.TerminateSession(id, "Terminated by bob.", kNow + 7).ok());
  broker.Flush(kNow + 8);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "SessionEnded"));
  EXPECT_THAT(LastRecord(), HasSubstr("Terminated by bob."));
  Broker next(*store, plane);
  ASSERT_TRUE(next.TakeOver(kNow + 1'000, [](const auto&, const auto&) { return true; }).ok());
  EXPECT_THAT(Events(), SizeIs(2));
}

}  // namespace
}  // namespace relay
