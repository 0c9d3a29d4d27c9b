// Goal: a sealed session has as many lanes as it may, outlives what it is to outlive, and is
// recorded as its node's word. Method: a fake data plane, a real store, and times that the test
// gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "engine/crypto/digest.h"
#include "tests/unit/broker/full_disk.h"
#include "tests/unit/broker/sealed_broker_fixture.h"

namespace relay {
namespace {

using engine::crypto::Sha256;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Kind = StartFailure::Kind;
using LaneKind = LaneFailure::Kind;

class SealedBrokerTest : public SealedBrokerFixture {};

// Asks matches what was told to a node if it is the question whether that session goes on.
MATCHER_P(Asks, session, "") {
  const auto* check = std::get_if<engine::SessionCheck>(&arg);
  return check != nullptr && check->session_id == session;
}

// ------------------------------------------------------------------------- lanes

TEST_F(SealedBrokerTest, MoreLanesAreForTheOwnerAndSpreadOverTheLoops) {
  const std::string id = StartJoined();
  const size_t told_before = plane.told.size();
  const auto result = broker.OpenLane(id, kOwner);
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(result));
  const auto& ticket = std::get<LaneTicket>(result);
  ASSERT_THAT(plane.lanes, SizeIs(2));
  EXPECT_EQ(ticket.loop, plane.lanes[1].first);
  EXPECT_EQ(ticket.loop, (plane.lanes[0].first + 1) % plane.loop_count());
  EXPECT_EQ(Sha256(engine::AsBytes(ticket.join_token)), plane.lanes[1].second.client_token_sha256);
  EXPECT_NE(plane.lanes[1].second.id.number, plane.lanes[0].second.id.number);
  EXPECT_NE(plane.lanes[1].second.name, plane.lanes[0].second.name);
  ASSERT_EQ(plane.told.size(), told_before + 1);
  const auto& offer = plane.Told<engine::LaneOffer>();
  EXPECT_EQ(offer.session_id, id);
  EXPECT_EQ(offer.loop, ticket.loop);
  EXPECT_EQ(Sha256(engine::AsBytes(offer.join_token)), plane.lanes[1].second.node_token_sha256);
}

TEST_F(SealedBrokerTest, TheFirstLaneIsWhereTheConnectionOfItsCallIs) {
  for (const uint32_t loop : {1u, 0u, 0u, 1u}) {
    StartRequest wish = Wish();
    wish.joins_on = loop;
    Offer(wish);
    EXPECT_EQ(plane.lanes.back().first, loop % plane.loop_count());
    EXPECT_EQ(plane.Told<engine::SessionOffer>().loop, plane.lanes.back().first);
  }
}

TEST_F(SealedBrokerTest, WhoseSessionItIsNotHasNoLanes) {
  const std::string id = StartJoined();
  EXPECT_EQ(LaneFailureOf(id, "arn:bob"), LaneKind::kNoSession);
  EXPECT_EQ(LaneFailureOf(id, ""), LaneKind::kNoSession);
  EXPECT_EQ(LaneFailureOf("alice-unknown"), LaneKind::kNoSession);
  StartRequest inspected = Wish();
  inspected.carriage = Carriage::kInspected;
  const auto started = broker.StartSession(inspected, kNow);
  EXPECT_EQ(LaneFailureOf(std::get<StartedSession>(started).session_id), LaneKind::kNoSession);
  Offer();
  EXPECT_EQ(LaneFailureOf(plane.Told<engine::SessionOffer>().session_id), LaneKind::kNoSession);
  ASSERT_TRUE(broker.TerminateSession(id, "enough", kNow).ok());
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kNoSession) << "it ends";
  EXPECT_THAT(plane.lanes, SizeIs(2)) << "one of each offer";
}

TEST_F(SealedBrokerTest, ASessionHasSixteenLanesAtMostAndANewOneForEachThatEnded) {
  const std::string id = StartJoined();
  for (uint32_t i = 1; i < engine::kLanesMax; ++i) {
    ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner))) << i;
  }
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kTooManyLanes);
  broker.LaneEnded({id, 5}, Ended(0, 0, false), kNow);
  EXPECT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
  EXPECT_EQ(plane.lanes.back().second.id.number, engine::kLanesMax) << "no number twice";
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kTooManyLanes);
  plane.nodes.clear();
  broker.LaneEnded({id, 6}, Ended(0, 0, false), kNow);
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kNotConnected);
}

TEST_F(SealedBrokerTest, RequestsOfOneGroupDoNotFindTheSamePlace) {
  const std::string id = StartJoined();
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(store->Begin().ok());
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
  store->Rollback();  // Its place is free again.
  for (uint32_t i = 1; i < engine::kLanesMax; ++i) {
    ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner))) << i;
  }
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kTooManyLanes);
  ASSERT_TRUE(store->CloseGroup().ok());
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kTooManyLanes);
  std::set<uint32_t> numbers;
  for (const auto& [loop, grant] : plane.lanes) numbers.insert(grant.id.number);
  EXPECT_EQ(numbers.size(), engine::kLanesMax) << "no number twice";
  broker.LaneEnded({id, 5}, Ended(0, 0, false), kNow);
  EXPECT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
}

TEST_F(SealedBrokerTest, LanesThatWaitHaveAMaximumOfAllSessions) {
  ASSERT_TRUE(store->Begin().ok());  // One wait for the disk.
  std::vector<std::string> ids;
  starts_ = false;
  for (size_t i = 0; i < SealedState::kLanesWaitingMax / engine::kLanesMax; ++i) {
    broker.OfferSession(Wish(), kNow,
                        [&](const std::variant<SealedOffer, StartFailure>& outcome, int64_t at) {
                          const auto& offer = std::get<SealedOffer>(outcome);
                          ids.push_back(offer.session.id);
                          EXPECT_TRUE(broker.StartSealed(offer, at).ok());
                        });
    Answer(Consent(plane.Told<engine::SessionOffer>().session_id));
  }
  ASSERT_TRUE(store->Commit().ok());
  for (const std::string& id : ids) {
    for (uint32_t i = 1; i < engine::kLanesMax; ++i) {
      ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
    }
  }
  EXPECT_EQ(broker.waiting_lane_count(), SealedState::kLanesWaitingMax);
  Offer();
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kTooMany);
  broker.LaneJoined({ids[0], 0}, "", kNow);
  Offer();
  EXPECT_TRUE(is_open());
  broker.LaneEnded({ids[0], 0}, Ended(0, 0), kNow);  // Of its own there is room for one more.
  EXPECT_EQ(LaneFailureOf(ids[0]), LaneKind::kBusy);
}

TEST_F(SealedBrokerTest, NobodyHearsOfALaneWhoseTransactionIsTakenBack) {
  const std::string id = StartJoined();
  ASSERT_TRUE(store->Begin().ok());
  EXPECT_TRUE(std::holds_alternative<LaneTicket>(broker.OpenLane(id, kOwner)));
  store->Rollback();
  EXPECT_THAT(plane.lanes, SizeIs(1));
  EXPECT_EQ(broker.waiting_lane_count(), 0u);
}

// --------------------------------------------------------------- what it outlives

TEST_F(SealedBrokerTest, LanesOutliveTheNodesLink) {
  const std::string id = StartJoined();
  plane.nodes.clear();
  broker.NodeDisconnected(kNode, plane.link_serial, "gone", kNow + 1);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  broker.LaneEnded({id, 0}, Ended(1'000, 2'000), kNow + 2);
  EXPECT_EQ(broker.live_count(), 0u) << "nobody is there whose word is to be awaited";
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
}

TEST_F(SealedBrokerTest, LanesThatTheirNodeHasLostAreCutIfTheyComeAgain) {
  const std::string once = StartJoined();
  broker.NodeLostLanes(kNode, {once});
  EXPECT_TRUE(plane.lanes_cut.empty()) << "they would be lost for good";
  access_ = "{}";
  const std::string id = StartJoined();
  broker.NodeLostLanes("mi-2", {id});
  broker.NodeLostLanes(kNode, {"nobody"});
  EXPECT_TRUE(plane.lanes_cut.empty()) << "they are another node's";
  broker.NodeLostLanes(kNode, {id, "token"});
  ASSERT_EQ(plane.lanes_cut.size(), 1u);
  EXPECT_EQ(plane.lanes_cut[0].session_id, id);
  EXPECT_EQ(plane.lanes_cut[0].join_token, "token");
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
}

TEST_F(SealedBrokerTest, WhatWasOfferedOnALinkThatIsGoneIsRefused) {
  access_ = "{}";
  const std::string id = StartJoined();
  EXPECT_EQ(plane.lanes.back().second.link_serial, 0u) << "the first lane is not asked for again";
  broker.NodeDisconnected(kNode, 6, "gone", kNow);
  EXPECT_TRUE(plane.links_gone.empty()) << "nothing waits";
  plane.link_serial = 7;
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(broker.RejoinLane(id, 0, 1)));
  EXPECT_EQ(plane.lanes.back().second.link_serial, 7u);
  broker.NodeDisconnected(kNode, 7, "gone", kNow + 1);
  EXPECT_EQ(plane.links_gone, std::vector<uint64_t>{7});
  broker.LaneEnded({id, 1}, Ended(0, 0, false), kNow + 2);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
}

TEST_F(SealedBrokerTest, OfItsSessionsANodeIsAskedWhenTheyLoseTheirConnectionsAndWhenItComes) {
  access_ = "{}";
  const std::string id = StartJoined();
  broker.AskAbout(kNode);
  EXPECT_EQ(plane.Told<engine::SessionCheck>().session_id, id) << "both ends of a lane may be dead";
  plane.told.clear();
  broker.LaneEnded({id, 0}, Ended(1'000, 2'000), kNow + 1);
  EXPECT_EQ(plane.Told<engine::SessionCheck>().session_id, id);
  plane.told.clear();
  broker.AskAbout("mi-2");
  EXPECT_TRUE(plane.told.empty());
  broker.AskAbout(kNode);
  EXPECT_EQ(plane.Told<engine::SessionCheck>().session_id, id);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  broker.NodeEndedSession(kNode, {id, "no such session", 0, 0}, kNow + 2);
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(SealedBrokerTest, AnInspectedSessionWhoseClientComesAgainHasLanesWithoutKeys) {
  StartRequest wish = Wish();
  wish.carriage = Carriage::kInspected;
  wish.client_key.clear();
  wish.comes_again = true;
  access_ = "{}";
  Offer(wish);
  const engine::SessionOffer told = plane.Told<engine::SessionOffer>();
  EXPECT_EQ(told.client_key, "");
  EXPECT_EQ(told.resume_secret.size(), 64u);
  EXPECT_TRUE(plane.lanes.back().second.is_inspected);
  EXPECT_TRUE(plane.lanes.back().second.comes_again);
  engine::SessionAnswer consent;
  consent.session_id = told.session_id;
  Answer(consent);
  ASSERT_TRUE(offer_.has_value());
  EXPECT_EQ(offer_->resume_secret, told.resume_secret);
  broker.LaneJoined({told.session_id, 0}, "192.0.2.7", kNow);
  broker.LaneEnded({told.session_id, 0}, Ended(20, 30), kNow + 1);
  EXPECT_EQ(StatusOf(told.session_id), SessionStatus::kConnected);
  broker.NodeEndedSession(kNode, {told.session_id, "the client ended the session", 70'001, 90'002},
                          kNow + 2);
  EXPECT_EQ(StatusOf(told.session_id), SessionStatus::kTerminated);
  EXPECT_THAT(LastRecord(), HasSubstr("70001")) << "bytes of users, and not of lanes";

  Offer(wish);
  EXPECT_NE(plane.Told<engine::SessionOffer>().resume_secret, told.resume_secret);
  plane.is_laning = false;
  Offer(wish);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
}

TEST_F(SealedBrokerTest, TheCountsOfASessionThatWasTakenOverAreTheNodes) {
  access_ = "{}";
  const std::string id = StartJoined();
  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  ASSERT_TRUE(next.TakeOver(kNow + 1, goes_on).ok());
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  next.NodeEndedSession(kNode, {id, "the client ended the session", 70'001, 90'002}, kNow + 2);
  EXPECT_THAT(LastRecord(), HasSubstr("70001"));
  EXPECT_THAT(LastRecord(), HasSubstr("90002"));
}

TEST_F(SealedBrokerTest, ASessionWhoseJoinIsNotInTheStoreGoesOnOverARestart) {
  access_ = "{}";
  const std::string joined = Start();
  const std::string not_joined = Start();
  {
    const FullDisk full;
    broker.LaneJoined({joined, 0}, "192.0.2.7", kNow);
  }
  ASSERT_EQ(StatusOf(joined), SessionStatus::kConnecting);
  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  ASSERT_TRUE(next.TakeOver(kNow + 1, goes_on).ok());
  next.Tick(kNow + 3'600'000);
  ASSERT_TRUE(next.IsLive(joined)) << "its client may be away for long";
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(next.RejoinLane(joined, 0, 1)));
  EXPECT_EQ(StatusOf(joined), SessionStatus::kConnecting);
  next.LaneJoined({joined, 0}, "192.0.2.7", kNow + 3'600'001);
  EXPECT_EQ(StatusOf(joined), SessionStatus::kConnected);
  EXPECT_THAT(LastRecord(), HasSubstr("SessionConnected"));
  plane.told.clear();
  next.AskAbout(kNode);
  EXPECT_THAT(plane.told, UnorderedElementsAre(Asks(joined), Asks(not_joined)));
  next.NodeEndedSession(kNode, {not_joined, "nobody joined it", 0, 0}, kNow + 3'600'002);
  EXPECT_FALSE(next.IsLive(not_joined));
  EXPECT_EQ(StatusOf(not_joined), SessionStatus::kTerminated);
}

TEST_F(SealedBrokerTest, ASessionWhoseJoinIsNotInTheStoreIsOverAtItsLimit) {
  access_ = "{}";
  const std::string id = Start();
  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  ASSERT_TRUE(next.TakeOver(kNow + 1, goes_on).ok());
  next.Tick(kNow + int64_t{24} * 3'600'000);
  EXPECT_FALSE(next.IsLive(id));
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated) << "it may have been joined";
}

// A machine that has no clock says 1970 until it is told the time.
TEST_F(SealedBrokerTest, ASessionEndsAtItsLimitOverARestartWhenTheClockWasSet) {
  constexpr int64_t kDay = int64_t{24} * 3'600'000;
  constexpr int64_t kJustOn = 60'000;  // What the clock says in the beginning, since 1970.
  access_ = "{}";
  const std::string id = Start(kJustOn);
  broker.LaneJoined({id, 0}, "192.0.2.7", kJustOn);
  broker.ClockWasSet(kNow - kJustOn);
  EXPECT_EQ(store->FindSession(id)->started_unix_ms, kNow);

  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  ASSERT_TRUE(next.TakeOver(kNow + 1'000, goes_on).ok());
  ASSERT_TRUE(next.IsLive(id));
  // It loses its clock, and starts without.
  Broker third(*store, plane);
  ASSERT_TRUE(third.TakeOver(kJustOn, goes_on).ok());
  ASSERT_TRUE(third.IsLive(id));
  third.ClockWasSet(kNow);
  third.Tick(kNow + kDay);
  EXPECT_TRUE(third.IsLive(id)) << "a day from where it was taken over";
  third.Tick(kNow + kDay + kJustOn);
  EXPECT_FALSE(third.IsLive(id));
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
}

TEST_F(SealedBrokerTest, AClockThatIsSetWhileNoRelayRunsEndsNoSession) {
  constexpr int64_t kYear = int64_t{365} * 24 * 3'600'000;
  constexpr int64_t kDay = int64_t{24} * 3'600'000;
  access_ = "{}";
  const std::string id = StartJoined();
  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  const ClockStep ahead = {.by_ms = kYear, .begin = {"boot", 17}};
  ASSERT_TRUE(next.TakeOver(kNow + kYear + 1, goes_on, ahead).ok());
  EXPECT_TRUE(next.IsLive(id));
  EXPECT_EQ(store->FindSession(id)->started_unix_ms, kNow + kYear);
  EXPECT_EQ(store->FindClockBegin()->unix_ms, 17);
  Broker third(*store, plane);
  const ClockStep right = {.by_ms = -kYear, .begin = {"boot", 16}};
  ASSERT_TRUE(third.TakeOver(kNow + 2, goes_on, right).ok());
  third.Tick(kNow + kDay - 1);
  EXPECT_TRUE(third.IsLive(id));
  third.Tick(kNow + kDay);
  EXPECT_FALSE(third.IsLive(id));
}

TEST_F(SealedBrokerTest, AClockThatWasSetWhileTheStoreWasDownIsKeptLater) {
  access_ = "{}";
  const std::string id = StartJoined();
  ASSERT_TRUE(store->SetClockBegin({.boot_id = "boot", .unix_ms = 4}).ok());
  ASSERT_TRUE(store->OpenGroup().ok());
  broker.ClockWasSet(5'000);
  {
    const FullDisk full;
    EXPECT_FALSE(store->CloseGroup().ok());
  }
  EXPECT_EQ(store->FindSession(id)->started_unix_ms, kNow);
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(store->CloseGroup().ok());
  broker.Tick(kNow + 5'000);
  EXPECT_EQ(store->FindSession(id)->started_unix_ms, kNow + 5'000);
  EXPECT_EQ(store->FindClockBegin()->boot_id, "boot");
  EXPECT_EQ(store->FindClockBegin()->unix_ms, 5'004);
}

TEST_F(SealedBrokerTest, ASessionKeepsItsCarriageOverARestartWhateverComesBack) {
  access_ = "{}";
  const std::string sealed = StartJoined();
  StartRequest wish = Wish();
  wish.carriage = Carriage::kInspected;
  wish.client_key.clear();
  wish.comes_again = true;
  Offer(wish);
  engine::SessionAnswer consent;
  consent.session_id = plane.Told<engine::SessionOffer>().session_id;
  Answer(consent);
  const std::string inspected = consent.session_id;
  broker.LaneJoined({inspected, 0}, "192.0.2.7", kNow);
  EXPECT_EQ(store->FindSession(sealed)->carriage, Carriage::kSealed);
  EXPECT_EQ(store->FindSession(inspected)->carriage, Carriage::kInspected);

  Broker next(*store, plane);
  const auto goes_on = [](const std::string&, const std::string&) { return true; };
  ASSERT_TRUE(next.TakeOver(kNow + 1, goes_on).ok());
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(next.RejoinLane(sealed, 0, 1)));
  EXPECT_FALSE(plane.lanes.back().second.is_inspected);
  ASSERT_TRUE(std::holds_alternative<LaneTicket>(next.RejoinLane(inspected, 0, 1)));
  EXPECT_TRUE(plane.lanes.back().second.is_inspected) << "then no side may come without TLS";
  EXPECT_TRUE(plane.lanes.back().second.comes_again);
  next.NodeEndedSession(kNode, {inspected, "the client ended the session", 1, 2}, kNow + 2);
  for (uint32_t i = 0; i < 2; ++i) next.LaneEnded({inspected, i}, Ended(0, 0, false), kNow + 3);
  EXPECT_THAT(LastRecord(), HasSubstr(R"("carriage":"inspected")"));
}

TEST_F(SealedBrokerTest, EveryRecordOfASessionSaysItsCarriage) {
  const std::string id = StartJoined();
  EXPECT_THAT(LastRecord(), HasSubstr(R"("carriage":"sealed")"));
  StartRequest wish = Wish();
  wish.carriage = Carriage::kInspected;
  const auto started = broker.StartSession(wish, kNow);
  broker.SessionJoined(std::get<StartedSession>(started).session_id, "192.0.2.7", kNow);
  EXPECT_THAT(LastRecord(), HasSubstr(R"("carriage":"inspected")"));
}

TEST_F(SealedBrokerTest, ASealedSessionEndsAtItsMaximumDuration) {
  const std::string id = StartJoined();
  broker.Tick(kNow + 24 * 3'600'000 - 1);
  EXPECT_TRUE(plane.lanes_ended.empty());
  broker.Tick(kNow + 24 * 3'600'000);
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
  EXPECT_THAT(plane.Told<engine::SessionStop>().reason, HasSubstr("maximum duration"));
}

// -------------------------------------------------------------------------- news

TEST_F(SealedBrokerTest, StreamsAreRecordedAsTheNodesWordAboutItsOwnSessionsOnly) {
  const std::string id = StartJoined();
  engine::StreamNews news;
  news.session_id = id;
  news.serial = 7;
  news.what = "tcp localhost:5432";
  broker.NodeToldOfStream("mi-2", news, kNow);
  broker.NodeToldOfStream(kNode, news, kNow);
  news.is_closed = true;
  news.outcome = "connection-reset";
  news.to_node_bytes = 12;
  news.from_node_bytes = 34;
  news.duration_ms = 56;
  broker.NodeToldOfStream(kNode, news, kNow);
  news.session_id = "alice-unknown";
  broker.NodeToldOfStream(kNode, news, kNow);
  broker.Flush(kNow);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "StreamOpened", "StreamClosed"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("reportedBy":"node")"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("outcome":"connection-reset")"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("what":"tcp localhost:5432")"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("bytesToNode":"12")"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("durationMs":"56")"));
  EXPECT_THAT(LastRecord(), HasSubstr(kOwner));
  broker.NodeNewsMissed(kNode, 5, kNow);
  broker.Flush(kNow);
  EXPECT_EQ(Events().back(), "StreamNewsMissed");
  EXPECT_THAT(LastRecord(), HasSubstr(R"("count":"5")"));
}

}  // namespace
}  // namespace relay
