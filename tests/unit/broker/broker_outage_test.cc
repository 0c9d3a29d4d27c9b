// Goal: while the store is down sessions go on, for hours; what happens to them meanwhile is in the
// store and on record when it is back. Method: a fake data plane, a real store whose file is taken
// away, and times that the test gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/unit/broker/full_disk.h"
#include "tests/unit/broker/sealed_broker_fixture.h"

namespace relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class BrokerOutageTest : public SealedBrokerFixture {
 protected:
  BrokerOutageTest() { access_ = "{}"; }
  void TakeStoreAway() {
    std::filesystem::rename(folder / "adit.db", folder / "gone.db");
    Turn(kNow);
    EXPECT_TRUE(store->is_down());
  }
  void BringStoreBack(int64_t now) {
    std::filesystem::rename(folder / "gone.db", folder / "adit.db");
    Turn(now);
    EXPECT_FALSE(store->is_down());
    Turn(now + 1'000);
  }
  // Turn is what the control thread does a few times a second.
  void Turn(int64_t now) {
    store->OpenGroup().IgnoreError();
    broker.Tick(now);
    store->CloseGroup().IgnoreError();
  }
  void ReportStream(const std::string& id) {
    engine::StreamNews news;
    news.session_id = id;
    news.serial = 1;
    news.what = "tcp localhost:5432";
    broker.NodeToldOfStream(kNode, news, kNow);
  }
};

TEST_F(BrokerOutageTest, SessionsGoOnForHoursAndEndAtTheirLimit) {
  const std::string id = StartJoined();
  TakeStoreAway();
  constexpr int64_t kHourMs = 3'600'000;
  for (int64_t at = 0; at < 24 * kHourMs; at += kHourMs / 60) {
    Turn(kNow + at);
    ASSERT_TRUE(broker.IsLive(id)) << at;
  }
  EXPECT_TRUE(plane.lanes_ended.empty());
  Turn(kNow + 24 * kHourMs);
  EXPECT_FALSE(broker.IsLive(id));
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
}

TEST_F(BrokerOutageTest, WhatHappenedMeanwhileIsWrittenWhenTheStoreIsBack) {
  const std::string id = StartJoined();
  TakeStoreAway();
  ReportStream(id);
  broker.NodeEndedSession(kNode, {id, "the client ended the session", 7, 8}, kNow + 1);
  broker.LaneEnded({id, 0}, Ended(7, 8), kNow + 2);
  EXPECT_EQ(broker.live_count(), 0u);
  broker.NodeDisconnected(kNode, plane.link_serial, "gone", kNow + 3);
  Turn(kNow + 4);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected"));
  BringStoreBack(kNow + 5);
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
  EXPECT_EQ(store->FindSession(id)->bytes_in, 7u);
  EXPECT_EQ(store->FindSession(id)->ended_unix_ms, kNow + 1) << "when it did";
  EXPECT_THAT(Events(), testing::UnorderedElementsAre("SessionConnected", "StreamOpened",
                                                      "SessionEnded", "NodeLinkReplaced"));
}

TEST_F(BrokerOutageTest, WhatWasLostWithItsGroupIsWrittenInTheNext) {
  const std::string id = StartJoined();
  ASSERT_TRUE(store->OpenGroup().ok());
  ReportStream(id);
  broker.Flush(kNow);
  broker.Revoke(id, "The permission has ended.", kNow + 1);
  broker.LaneEnded({id, 0}, Ended(7, 8), kNow + 2);
  broker.NodeEndedSession(kNode, {id, "stopped", 7, 8}, kNow + 3);
  EXPECT_EQ(broker.live_count(), 0u);
  {
    const FullDisk full;
    EXPECT_FALSE(store->CloseGroup().ok());
  }
  EXPECT_TRUE(store->is_down());
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  Turn(kNow + 1'000);
  EXPECT_FALSE(store->is_down());
  Turn(kNow + 2'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
  EXPECT_THAT(Events(),
              testing::UnorderedElementsAre("SessionConnected", "StreamOpened", "SessionEnded"));
}

TEST_F(BrokerOutageTest, ANodeWithSessionsIsLetInWithoutTheStoreAndAnotherIsNot) {
  StartJoined();
  TakeStoreAway();
  EXPECT_TRUE(broker.NodeReturned({.node_id = kNode, .name = "web"}, kNow + 1).ok());
  EXPECT_FALSE(broker.NodeReturned({.node_id = "mi-2", .name = "db"}, kNow + 1).ok());
  BringStoreBack(kNow + 2);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "NodeConnected"));
}

TEST_F(BrokerOutageTest, RecordsThatWaitHaveAMaximum) {
  StartJoined();
  TakeStoreAway();
  for (size_t i = 0; i < SessionRecords::kLateMax; ++i) {
    ASSERT_TRUE(broker.HasRoomForRecords());
    ASSERT_TRUE(broker.NodeReturned({.node_id = kNode}, kNow).ok());
  }
  EXPECT_FALSE(broker.HasRoomForRecords());
  EXPECT_FALSE(broker.NodeReturned({.node_id = kNode}, kNow).ok());
  BringStoreBack(kNow);
  EXPECT_TRUE(broker.HasRoomForRecords());
  EXPECT_EQ(*store->LastAudit(), SessionRecords::kLateMax + 1);
}

TEST_F(BrokerOutageTest, RefusalsLeaveRoomForWhatGoesOn) {
  StartJoined();
  TakeStoreAway();
  for (size_t i = 0; i < 2 * SessionRecords::kLateMax; ++i) {
    broker.RecordRefusalLater(NewServiceEvent("Rejoin", kNow));
  }
  EXPECT_TRUE(broker.HasRoomForRecords());
  EXPECT_TRUE(broker.NodeReturned({.node_id = kNode}, kNow).ok());
  BringStoreBack(kNow);
  EXPECT_EQ(*store->LastAudit(), SessionRecords::kLateMax / 2 + 2);
}

TEST_F(BrokerOutageTest, RecordsOfStreamsAreWrittenAlsoWhenTheClockWasSetBack) {
  const std::string id = StartJoined();
  ReportStream(id);
  Turn(kNow - 3'600'000);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "StreamOpened"));
}

TEST_F(BrokerOutageTest, ANodeWhoseSessionsAreEndingIsNotLetIn) {
  StartJoined();
  ASSERT_TRUE(broker.DeregisterNode(kNode, kNow).ok());
  TakeStoreAway();
  EXPECT_FALSE(broker.NodeReturned({.node_id = kNode}, kNow + 1).ok());
}

}  // namespace
}  // namespace relay
