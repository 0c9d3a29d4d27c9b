// Goal: a session lives as long as it may and no longer, and the store and the audit trail say so.
// Method: a fake data plane, a real store, and times that the test gives.

#include "relay/broker/broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/crypto/digest.h"
#include "relay/store/document_store.h"
#include "tests/unit/broker/broker_fixture.h"

namespace relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr auto kNoneGoesOn = [](const std::string&, const std::string&) { return false; };

class BrokerTest : public BrokerFixture {
 protected:
  StartedSession Start() {
    auto result = broker.StartSession(Wish(), kNow);
    EXPECT_TRUE(std::holds_alternative<StartedSession>(result));
    return std::get<StartedSession>(result);
  }
  StartFailure::Kind FailureOf(const StartRequest& request) {
    const auto result = broker.StartSession(request, kNow);
    EXPECT_TRUE(std::holds_alternative<StartFailure>(result));
    return std::get<StartFailure>(result).kind;
  }
};

TEST_F(BrokerTest, ASessionIsPreparedWithWhatItMayDoAndTheHashOfItsToken) {
  StartRequest wish = Wish();
  wish.document = "AWS-StartPortForwardingSession";
  wish.parameters = {{"portNumber", {"5432"}}};
  const auto result = broker.StartSession(wish, kNow);
  const auto& started = std::get<StartedSession>(result);
  EXPECT_EQ(started.loop, 3u);
  EXPECT_TRUE(started.session_id.starts_with("alice-"));
  ASSERT_EQ(plane.grants.size(), 1u);
  const SessionGrant& grant = plane.grants[0];
  EXPECT_EQ(grant.session_id, started.session_id);
  EXPECT_EQ(grant.principal, "arn:alice");
  EXPECT_EQ(grant.plan.host, "localhost");
  EXPECT_EQ(grant.plan.port, 5432);
  EXPECT_EQ(grant.join_max, std::chrono::seconds(60));
  EXPECT_EQ(grant.token_sha256, engine::crypto::Sha256(engine::AsBytes(started.token)));
  const auto session = store->FindSession(started.session_id);
  EXPECT_EQ(session->status, SessionStatus::kConnecting);
  EXPECT_EQ(session->what, "tcp localhost:5432");
  EXPECT_EQ(session->token_sha256, grant.token_sha256);
}

TEST_F(BrokerTest, LimitsOfThePreferencesReachDataPlaneStoreAndNode) {
  const std::string preferences =
      R"({"schemaVersion": "1.0", "sessionType": "Standard_Stream",)"
      R"( "inputs": {"idleSessionTimeout": "5", "maxSessionDuration": "60"}})";
  ASSERT_TRUE(
      store->Documents()
          .AddDocument(
              {.name = "SSM-SessionManagerRunShell"},
              {.name = "SSM-SessionManagerRunShell", .format = "JSON", .content = preferences})
          .ok());
  const StartedSession session = Start();
  EXPECT_EQ(plane.grants.back().idle_max, std::chrono::minutes(5));
  EXPECT_EQ(plane.grants.back().duration_max, std::chrono::hours(1));
  EXPECT_EQ(store->FindSession(session.session_id)->duration_seconds_max, 3600);
  StartRequest sealed = Wish();
  sealed.carriage = Carriage::kSealed;
  sealed.client_key = std::string(64, 'c');
  broker.OfferSession(sealed, kNow, [](const auto&, int64_t) {});
  EXPECT_EQ(plane.Told<engine::SessionOffer>().idle_seconds_max, 300u);
  EXPECT_EQ(plane.Told<engine::SessionOffer>().seconds_max, 3600u);
}

TEST_F(BrokerTest, AShellHasTheProfileOfItsNodesPlatform) {
  const std::string preferences =
      R"({"schemaVersion": "1.0", "sessionType": "Standard_Stream",)"
      R"( "inputs": {"shellProfile": {"linux": "cd /srv", "windows": "cd C:\\srv"}}})";
  ASSERT_TRUE(
      store->Documents()
          .AddDocument(
              {.name = "SSM-SessionManagerRunShell"},
              {.name = "SSM-SessionManagerRunShell", .format = "JSON", .content = preferences})
          .ok());
  Start();
  EXPECT_EQ(plane.grants.back().plan.profile, "cd /srv");
  ASSERT_TRUE(
      store->AddNode({.id = "mi-2", .name = "win", .platform = "Windows Server 2022"}).ok());
  plane.nodes["mi-2"] = 1;
  StartRequest wish = Wish();
  wish.node_id = "mi-2";
  ASSERT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(wish, kNow)));
  EXPECT_EQ(plane.grants.back().plan.profile, "cd C:\\srv");
}

TEST_F(BrokerTest, ADeregisteredNodesSessionsAndOffersEndAndItsLinkIsCut) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "", kNow);
  StartRequest sealed = Wish();
  sealed.carriage = Carriage::kSealed;
  sealed.client_key = std::string(64, 'c');
  std::string refused;
  broker.OfferSession(sealed, kNow, [&refused](const auto& outcome, int64_t) {
    if (const auto* failure = std::get_if<StartFailure>(&outcome)) refused = failure->text;
  });
  ASSERT_TRUE(store->Begin().ok());
  ASSERT_TRUE(broker.DeregisterNode(kNode, kNow + 1).ok());
  EXPECT_TRUE(plane.ended.empty()) << "nobody hears before it is committed";
  ASSERT_TRUE(store->Commit().ok());
  EXPECT_THAT(plane.ended, ElementsAre(Pair(session.session_id, "The node was deregistered.")));
  EXPECT_THAT(refused, HasSubstr("not connected"));
  EXPECT_THAT(plane.cut, ElementsAre(Pair(kNode, "The node was deregistered.")));
  EXPECT_EQ(broker.offer_count(), 0u);
  EXPECT_TRUE(absl::IsNotFound(broker.DeregisterNode(kNode, kNow + 2)));
  broker.NodeDisconnected(kNode, 1, "cut", kNow + 2);
  EXPECT_EQ(Events().back(), "NodeDisconnected") << "its leaving is on record all the same";
}

TEST_F(BrokerTest, TheDataPlaneHearsOfASessionOnlyWhenItIsCommitted) {
  ASSERT_TRUE(store->Begin().ok());
  Start();
  EXPECT_TRUE(plane.grants.empty());
  store->Rollback();
  EXPECT_TRUE(plane.grants.empty());
  EXPECT_EQ(broker.live_count(), 0u);
  ASSERT_TRUE(store->Begin().ok());
  Start();
  ASSERT_TRUE(store->Commit().ok());
  EXPECT_EQ(plane.grants.size(), 1u);
  EXPECT_EQ(broker.live_count(), 1u);
}

TEST_F(BrokerTest, WhatCannotBeStartedIsNamed) {
  using Kind = StartFailure::Kind;
  StartRequest wish = Wish();
  wish.node_id = "mi-2";
  EXPECT_EQ(FailureOf(wish), Kind::kNotConnected);
  wish = Wish();
  wish.document = "Nothing";
  EXPECT_EQ(FailureOf(wish), Kind::kInvalidDocument);
  wish = Wish();
  wish.parameters = {{"x", {"y"}}};
  EXPECT_EQ(FailureOf(wish), Kind::kInvalidParameters);
  EXPECT_TRUE(plane.grants.empty());
}

TEST_F(BrokerTest, ARelayHasAMaximumOfSessions) {
  StartRequest wish = Wish();
  wish.carriage = Carriage::kInspected;  // Of this protocol's clients; AWS's have one of their own.
  ASSERT_TRUE(store->Begin().ok());
  for (size_t i = 0; i < Broker::kLiveSessionsMax; ++i) {
    ASSERT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(wish, kNow))) << i;
  }
  EXPECT_EQ(FailureOf(wish), StartFailure::Kind::kTooMany) << "none of them is there yet";
  ASSERT_TRUE(store->Commit().ok());
  EXPECT_EQ(FailureOf(wish), StartFailure::Kind::kTooMany);
  broker.SessionJoined(plane.grants[0].session_id, "", kNow);
  broker.SessionEnded(plane.grants[0].session_id, "cut", 0, 0, kNow + 1);
  EXPECT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(wish, kNow + 1)));
  EXPECT_EQ(FailureOf(wish), StartFailure::Kind::kTooMany);
}

TEST_F(BrokerTest, ASessionThatNobodyJoinsFailsAfterAMinute) {
  const StartedSession session = Start();
  broker.Tick(kNow + 59'999);
  EXPECT_TRUE(plane.ended.empty());
  broker.Tick(kNow + 60'000);
  EXPECT_THAT(plane.ended,
              ElementsAre(Pair(session.session_id, "The client did not connect in time.")));
  EXPECT_EQ(store->FindSession(session.session_id)->status, SessionStatus::kFailed);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(Events(), ElementsAre("SessionEnded"));
}

TEST_F(BrokerTest, AClockThatIsSetLeavesEverySessionTheTimeThatItHad) {
  constexpr int64_t kDays = 3 * 24 * 3'600'000;
  for (const int64_t by_ms : {kDays, -kDays}) {
    const StartedSession session = Start();
    broker.ClockWasSet(by_ms);
    broker.Tick(kNow + by_ms + 59'999);
    EXPECT_EQ(broker.live_count(), 1u);
    broker.Tick(kNow + by_ms + 60'000);
    EXPECT_EQ(broker.live_count(), 0u);
  }
}

TEST_F(BrokerTest, AJoinedSessionEndsWithItsReasonAndItsBytes) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "198.51.100.7", kNow + 5);
  EXPECT_EQ(store->FindSession(session.session_id)->status, SessionStatus::kConnected);
  broker.Tick(kNow + 3'600'000);
  broker.SessionEnded(session.session_id, "The client left.", 10, 20, kNow + 3'600'001);
  const auto found = store->FindSession(session.session_id);
  EXPECT_EQ(found->status, SessionStatus::kTerminated);
  EXPECT_EQ(found->details, "The client left.");
  EXPECT_EQ(found->ended_unix_ms, kNow + 3'600'001);
  EXPECT_EQ(found->bytes_in, 10u);
  EXPECT_EQ(found->bytes_out, 20u);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "SessionEnded"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("bytesFromNode":"20")"));
  EXPECT_THAT(LastRecord(), HasSubstr("arn:alice"));
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(BrokerTest, ASessionIsEndedAtItsMaximumDuration) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "", kNow);
  broker.Tick(kNow + 24 * 3'600'000 - 1);
  EXPECT_TRUE(plane.ended.empty());
  broker.Tick(kNow + 24 * 3'600'000);
  ASSERT_EQ(plane.ended.size(), 1u);
  broker.Tick(kNow + 24 * 3'600'000 + 1);
  EXPECT_EQ(plane.ended.size(), 1u) << "it is told once";
  broker.SessionEnded(session.session_id, "cut", 1, 2, kNow + 24 * 3'600'000 + 2);
  EXPECT_THAT(store->FindSession(session.session_id)->details, HasSubstr("maximum duration"));
  EXPECT_EQ(store->FindSession(session.session_id)->bytes_out, 2u);
}

TEST_F(BrokerTest, TerminationCutsTheSessionAndKeepsWhoDidIt) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "", kNow);
  ASSERT_TRUE(broker.TerminateSession(session.session_id, "Terminated by arn:bob.", kNow + 9).ok());
  EXPECT_THAT(plane.ended, ElementsAre(Pair(session.session_id, "Terminated by arn:bob.")));
  ASSERT_TRUE(broker.TerminateSession(session.session_id, "again", kNow + 9).ok());
  EXPECT_EQ(plane.ended.size(), 1u);
  broker.SessionEnded(session.session_id, "link closed", 1, 2, kNow + 10);
  EXPECT_EQ(store->FindSession(session.session_id)->details, "Terminated by arn:bob.");
  EXPECT_THAT(LastRecord(), HasSubstr("Terminated by arn:bob."));
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(BrokerTest, AnEndThatTheDataPlaneNeverReportsIsWrittenAllTheSame) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "", kNow);
  ASSERT_TRUE(broker.TerminateSession(session.session_id, "why", kNow).ok());
  EXPECT_EQ(broker.live_count(), 1u);
  broker.Tick(kNow + 30'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "SessionEnded"));
}

TEST_F(BrokerTest, ALiveSessionGetsAnotherTokenAndOneThatIsOverDoesNot) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "", kNow);
  const std::optional<StartedSession> renewed = broker.RenewToken(session.session_id);
  ASSERT_TRUE(renewed.has_value());
  EXPECT_NE(renewed->token, session.token);
  EXPECT_THAT(plane.renewed,
              ElementsAre(Pair(session.session_id,
                               engine::crypto::Sha256(engine::AsBytes(renewed->token)))));
  EXPECT_FALSE(broker.RenewToken("nobody-x").has_value());
  ASSERT_TRUE(broker.TerminateSession(session.session_id, "why", kNow).ok());
  EXPECT_FALSE(broker.RenewToken(session.session_id).has_value());
  EXPECT_EQ(plane.renewed.size(), 1u);
}

TEST_F(BrokerTest, TheKeyOfAnEncryptedSessionIsItsNodesAlone) {
  ResolvedSession wanted;
  wanted.carriages = CarriageRule::kKeyed;
  wanted.plan.key_id = "alias/k";
  StartRequest request = Wish();
  request.resolved = std::make_shared<const WishOutcome>(wanted);
  const auto outcome = broker.StartSession(request, kNow);
  const auto* started = std::get_if<StartedSession>(&outcome);
  ASSERT_NE(started, nullptr);
  EXPECT_EQ(plane.grants.back().plan.key_id, "alias/k");
  EXPECT_EQ(broker.KeyOf(started->session_id, kNode), "alias/k");
  EXPECT_EQ(broker.KeyOf(started->session_id, "mi-2"), std::nullopt);
  EXPECT_EQ(broker.KeyOf("alice-unknown", kNode), std::nullopt);
  ASSERT_TRUE(broker.TerminateSession(started->session_id, "over", kNow).ok());
  EXPECT_EQ(broker.KeyOf(started->session_id, kNode), std::nullopt);

  const auto plain = broker.StartSession(Wish(), kNow);
  EXPECT_EQ(broker.KeyOf(std::get<StartedSession>(plain).session_id, kNode), std::nullopt);
}

TEST_F(BrokerTest, ANodeThatCannotEncryptHasNoEncryptedSession) {
  plane.is_encrypting = false;
  ResolvedSession wanted;
  wanted.carriages = CarriageRule::kKeyed;
  wanted.plan.key_id = "alias/k";
  StartRequest request = Wish();
  request.resolved = std::make_shared<const WishOutcome>(wanted);
  const auto outcome = broker.StartSession(request, kNow);
  const auto* failure = std::get_if<StartFailure>(&outcome);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->kind, StartFailure::Kind::kCarriage);
}

TEST_F(BrokerTest, AnOriginalAgentEncryptsForAwsClientsAlone) {
  ASSERT_TRUE(store->AddNode(Node{.id = "mi-9", .name = "old", .public_key = "MII"}).ok());
  plane.nodes["mi-9"] = 1;
  plane.is_encrypting = false;
  ResolvedSession wanted;
  wanted.carriages = CarriageRule::kKeyed;
  wanted.plan.key_id = "alias/k";
  StartRequest request = Wish();
  request.node_id = "mi-9";
  request.resolved = std::make_shared<const WishOutcome>(wanted);
  const auto started = broker.StartSession(request, kNow);
  ASSERT_TRUE(std::holds_alternative<StartedSession>(started));
  EXPECT_EQ(broker.KeyOf(std::get<StartedSession>(started).session_id, "mi-9"), "alias/k");
  EXPECT_TRUE(plane.grants.back().is_original);
  request.carriage = Carriage::kInspected;
  const auto outcome = broker.StartSession(request, kNow);
  const auto* failure = std::get_if<StartFailure>(&outcome);
  ASSERT_NE(failure, nullptr);
  EXPECT_NE(failure->text.find("start the session with the AWS CLI"), std::string::npos);
}

TEST_F(BrokerTest, TerminatingAnUnknownSessionIsNoError) {
  EXPECT_TRUE(broker.TerminateSession("nobody-x", "why", kNow).ok());
  EXPECT_TRUE(plane.ended.empty());
}

TEST_F(BrokerTest, AfterARestartWhatWasOpenIsTerminated) {
  const StartedSession first = Start();
  const StartedSession second = Start();
  broker.SessionJoined(second.session_id, "", kNow);
  Broker next(*store, plane);
  ASSERT_TRUE(next.TakeOver(kNow + 1000, kNoneGoesOn).ok());
  for (const std::string& id : {first.session_id, second.session_id}) {
    EXPECT_EQ(store->FindSession(id)->status, SessionStatus::kTerminated);
    EXPECT_EQ(store->FindSession(id)->details, "The relay was restarted.");
  }
  EXPECT_EQ(store->ListSessions({.over = false})->size(), 0u);
  ASSERT_TRUE(next.TakeOver(kNow + 2000, kNoneGoesOn).ok());
  EXPECT_EQ(Events().size(), 3u);
}

TEST_F(BrokerTest, ANodeThatConnectsIsKeptUpToDateAndAStrangerIsRefused) {
  NodeConnection connection{.node_id = "mi-1", .platform = "Linux x", .source_ip = "192.0.2.1"};
  ASSERT_TRUE(broker.NodeConnected(connection, kNow).ok());
  const auto node = store->FindNode("mi-1");
  EXPECT_EQ(node->name, "web");
  EXPECT_EQ(node->platform, "Linux x");
  EXPECT_EQ(node->source_ip, "192.0.2.1");
  connection.node_id = "mi-stranger";
  EXPECT_TRUE(absl::IsNotFound(broker.NodeConnected(connection, kNow)));
  EXPECT_THAT(Events(), ElementsAre("NodeConnected"));
}

TEST_F(BrokerTest, AnAgentsVersionIsWrittenAsItWasWhenTheNodeWasEnrolled) {
  const NodeConnection connection{.node_id = "mi-1", .agent_version = "adit-agent/0.2.0"};
  ASSERT_TRUE(broker.NodeConnected(connection, kNow).ok());
  EXPECT_EQ(store->FindNode("mi-1")->agent_version, "0.2.0");
}

TEST_F(BrokerTest, ANodeThatLeavesIsToldFromOneWhoseLinkWasReplaced) {
  broker.NodeDisconnected("mi-1", 1, "newer link", kNow + 1);
  EXPECT_TRUE(broker.IsConnected("mi-1"));
  plane.nodes.clear();
  broker.NodeDisconnected("mi-1", 2, "gone", kNow + 2);
  EXPECT_FALSE(broker.IsConnected("mi-1"));
  EXPECT_EQ(store->FindNode("mi-1")->last_seen_unix_ms, kNow + 2);
  EXPECT_THAT(Events(), ElementsAre("NodeLinkReplaced", "NodeDisconnected"));
}

TEST_F(BrokerTest, RecordsOfStreamsAreWrittenTogetherAndBeforeTheSessionsEnd) {
  const StartedSession session = Start();
  broker.SessionJoined(session.session_id, "", kNow);
  broker.StreamOpened(session.session_id, 1, "tcp db:5432", kNow + 10);
  broker.StreamClosed(session.session_id, 1,
                      {.what = "tcp db:5432",
                       .outcome = "finished",
                       .to_node_bytes = 5,
                       .from_node_bytes = 6,
                       .duration_ms = 10},
                      kNow + 20);
  EXPECT_EQ(Events().size(), 1u);
  broker.Tick(kNow + 100);
  EXPECT_EQ(Events().size(), 1u);
  broker.Tick(kNow + 260);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "StreamOpened", "StreamClosed"));
  EXPECT_THAT(LastRecord(),
              HasSubstr(R"("what":"tcp db:5432","outcome":"finished",)"
                        R"("bytesToNode":"5","bytesFromNode":"6","durationMs":"10")"));
  broker.StreamOpened(session.session_id, 3, "tcp db:5432", kNow + 300);
  broker.SessionEnded(session.session_id, "left", 0, 0, kNow + 301);
  EXPECT_EQ(Events().back(), "SessionEnded");
  EXPECT_EQ(Events().size(), 5u);
}

TEST_F(BrokerTest, ManyRecordsOfStreamsDoNotWaitForTheClock) {
  const StartedSession session = Start();
  for (size_t i = 0; i < SessionRecords::kTogether; ++i) {
    broker.StreamOpened(session.session_id, 1, "x", kNow);
  }
  EXPECT_EQ(Events().size(), SessionRecords::kTogether);
}

TEST_F(BrokerTest, AReportAboutAnUnknownSessionChangesNothing) {
  broker.SessionJoined("nobody-x", "", kNow);
  broker.SessionEnded("nobody-x", "", 1, 2, kNow);
  EXPECT_TRUE(Events().empty());
}

}  // namespace
}  // namespace relay
