// Goal: a sealed session is one that its node has consented to, has as many lanes as it may, and
// ends, in the store as well, however its client, its node and the network behave.
// Method: a fake data plane, a real store, and times that the test gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "relay/broker/broker.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

using engine::crypto::EncodeBase64;
using engine::crypto::Sha256;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr char kNode[] = "mi-1";
constexpr char kOwner[] = "arn:alice";

class SealedBrokerTest : public testing::Test {
 protected:
  SealedBrokerTest() : store(OpenStore()), broker(*store, plane) {
    EXPECT_TRUE(store->AddNode({.id = kNode, .name = "web"}).ok());
    plane.nodes[kNode] = 3;
  }
  std::unique_ptr<SqliteStore> OpenStore() {
    auto opened = SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }

  static StartRequest Wish() {
    StartRequest request;
    request.user_name = "alice";
    request.principal = kOwner;
    request.node_id = kNode;
    request.document = "AWS-StartPortForwardingSession";
    request.parameters = {{"portNumber", {"5432"}}};
    request.carriage = Carriage::kSealed;
    request.client_key = std::string(64, 'c');
    return request;
  }

  // Offer asks the node. What comes of it is in failure_ or offer_; an offer is started at once,
  // as the API does, unless starts_ is false.
  void Offer(const StartRequest& request = Wish(), int64_t now = kNow) {
    failure_.reset();
    offer_.reset();
    broker.OfferSession(request, now,
                        [this, calls = std::make_shared<int>(0)](
                            const std::variant<SealedOffer, StartFailure>& outcome, int64_t at) {
                          EXPECT_EQ(++*calls, 1);
                          if (const auto* failure = std::get_if<StartFailure>(&outcome)) {
                            failure_ = *failure;
                            return;
                          }
                          offer_ = std::get<SealedOffer>(outcome);
                          if (!starts_) return;
                          EXPECT_TRUE(broker.StartSealed(*offer_, at).ok());
                        });
  }
  bool is_open() const { return !failure_.has_value() && !offer_.has_value(); }

  static engine::SessionAnswer Consent(const std::string& session) {
    engine::SessionAnswer answer;
    answer.session_id = session;
    answer.session_key = std::string(64, 'a');
    answer.node_key = EncodeBase64(engine::AsBytes(std::string(32, 'k')));
    answer.signature = EncodeBase64(engine::AsBytes(std::string(64, 's')));
    return answer;
  }
  void Answer(const engine::SessionAnswer& answer, int64_t now = kNow) {
    broker.NodeAnswered(kNode, answer, now);
  }

  // Start does all of it and returns the session's id; Join lets its first lane be joined.
  std::string Start(int64_t now = kNow) {
    Offer(Wish(), now);
    const std::string id = plane.Told<engine::SessionOffer>().session_id;
    Answer(Consent(id), now);
    EXPECT_TRUE(offer_.has_value());
    return id;
  }
  std::string StartJoined() {
    const std::string id = Start();
    broker.LaneJoined({id, 0}, "192.0.2.7", kNow);
    return id;
  }
  static LaneEnd Ended(uint64_t to_node, uint64_t to_client, bool was_joined = true) {
    return {.was_joined = was_joined,
            .reason = "the client's connection was closed",
            .to_node_bytes = to_node,
            .to_client_bytes = to_client};
  }

  SessionStatus StatusOf(const std::string& id) { return store->FindSession(id)->status; }
  std::vector<std::string> Events() {
    std::vector<std::string> names;
    const auto events = store->ListAudit(0, 10'000);
    for (const AuditEvent& event : *events) names.push_back(event.name);
    return names;
  }
  std::string LastRecord() { return store->ListAudit(0, 10'000)->back().record; }
  LaneFailure::Kind LaneFailureOf(const std::string& id, const std::string& who = kOwner) {
    const auto result = broker.OpenLane(id, who);
    EXPECT_TRUE(std::holds_alternative<LaneFailure>(result));
    return std::get<LaneFailure>(result).kind;
  }

  TemporaryFolder folder;
  FakeDataPlane plane;
  std::unique_ptr<SqliteStore> store;
  Broker broker;
  bool starts_ = true;
  std::optional<StartFailure> failure_;
  std::optional<SealedOffer> offer_;
};

using Kind = StartFailure::Kind;
using LaneKind = LaneFailure::Kind;

// ------------------------------------------------------------------------ offers

TEST_F(SealedBrokerTest, TheNodeIsAskedWithAllThatIsGrantedAndNothingIsStoredYet) {
  Offer();
  EXPECT_TRUE(is_open());
  const auto& offer = plane.Told<engine::SessionOffer>();
  EXPECT_TRUE(offer.session_id.starts_with("alice-"));
  EXPECT_EQ(offer.principal, kOwner);
  EXPECT_EQ(offer.client_key, std::string(64, 'c'));
  EXPECT_EQ(offer.kind, "tcp");
  EXPECT_EQ(offer.host, "localhost");
  EXPECT_EQ(offer.port, 5432);
  ASSERT_THAT(plane.lanes, SizeIs(1));
  const auto& [loop, lane] = plane.lanes[0];
  EXPECT_EQ(offer.loop, loop);
  EXPECT_EQ(lane.id.session_id, offer.session_id);
  EXPECT_EQ(lane.node_id, kNode);
  EXPECT_EQ(lane.node_token_sha256, Sha256(engine::AsBytes(offer.join_token)));
  EXPECT_NE(lane.client_token_sha256, lane.node_token_sha256);
  EXPECT_EQ(lane.join_max, std::chrono::seconds(10));
  EXPECT_TRUE(absl::IsNotFound(store->FindSession(offer.session_id).status()));
  EXPECT_EQ(broker.offer_count(), 1u);
  EXPECT_EQ(broker.waiting_lane_count(), 1u);
}

TEST_F(SealedBrokerTest, AConsentMakesASessionAndTellsTheClientTheNodesWords) {
  const std::string id = Start();
  EXPECT_EQ(offer_->session.id, id);
  EXPECT_EQ(offer_->session_key, std::string(64, 'a'));
  EXPECT_EQ(offer_->node_key, Consent(id).node_key);
  EXPECT_EQ(offer_->signature, Consent(id).signature);
  EXPECT_EQ(offer_->loop, plane.lanes[0].first);
  EXPECT_EQ(Sha256(engine::AsBytes(offer_->join_token)), plane.lanes[0].second.client_token_sha256);
  const auto session = store->FindSession(id);
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->status, SessionStatus::kConnecting);
  EXPECT_EQ(session->what, "tcp localhost:5432");
  EXPECT_EQ(session->principal, kOwner);
  EXPECT_EQ(broker.offer_count(), 0u);
  EXPECT_TRUE(plane.grants.empty()) << "it is no inspected one";
}

TEST_F(SealedBrokerTest, WhatCannotBeAskedForIsNamedAndAsksNobody) {
  plane.is_sealing = false;
  Offer();
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  EXPECT_THAT(failure_->text, HasSubstr("update it, or ask for an inspected one"));
  plane.is_sealing = true;
  StartRequest wish = Wish();
  wish.node_id = "mi-2";
  Offer(wish);
  EXPECT_EQ(failure_->kind, Kind::kNotConnected);
  wish = Wish();
  wish.parameters = {{"portNumber", {"70000"}}};
  Offer(wish);
  EXPECT_EQ(failure_->kind, Kind::kInvalidParameters);
  wish = Wish();
  wish.document = "Nothing";
  Offer(wish);
  EXPECT_EQ(failure_->kind, Kind::kInvalidDocument);
  EXPECT_TRUE(plane.told.empty());
  EXPECT_TRUE(plane.lanes.empty());
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(SealedBrokerTest, ACommandThatFitsIntoNoOfferIsRefused) {
  StartRequest wish = Wish();
  wish.document = "AWS-StartNonInteractiveCommand";
  wish.parameters = {{"command", {std::string(engine::kControlSizeMax, 'x')}}};
  Offer(wish);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kInvalidParameters);
  EXPECT_TRUE(plane.told.empty());
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(SealedBrokerTest, ANodeThatNeverAnswersIsWaitedForFiveSeconds) {
  Offer();
  const std::string id = plane.Told<engine::SessionOffer>().session_id;
  broker.Tick(kNow + 4'999);
  EXPECT_TRUE(is_open());
  broker.Tick(kNow + 5'000);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  EXPECT_THAT(failure_->text, HasSubstr("did not answer in time"));
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
  EXPECT_THAT(plane.lanes_ended, ElementsAre(Pair(id, failure_->text)));
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(broker.offer_count(), 0u);
  Answer(Consent(id), kNow + 5'001);  // Too late: nothing comes of it.
  EXPECT_FALSE(offer_.has_value());
  broker.LaneEnded({id, 0}, Ended(0, 0, false), kNow + 5'002);
  EXPECT_EQ(broker.waiting_lane_count(), 0u);
  EXPECT_TRUE(Events().empty()) << "there was no session";
}

TEST_F(SealedBrokerTest, ANodeThatGoesAnswersNoMoreAndItsNewLinkIsAnother) {
  Offer();
  broker.NodeDisconnected(kNode, plane.link_serial + 1, "another link", kNow);
  EXPECT_TRUE(is_open());
  plane.nodes.clear();
  broker.NodeDisconnected(kNode, plane.link_serial, "gone", kNow);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kNotConnected);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
}

TEST_F(SealedBrokerTest, ARefusalIsPassedOnCutToItsSize) {
  Offer();
  engine::SessionAnswer no;
  no.session_id = plane.Told<engine::SessionOffer>().session_id;
  no.error = "no" + std::string(5'000, '!');
  Answer(no);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  EXPECT_TRUE(failure_->text.starts_with("The node refused: no!"));
  EXPECT_LT(failure_->text.size(), 300u);
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(SealedBrokerTest, AnAnswerWithKeysOfAnotherSizeIsNone) {
  const std::string short_key = EncodeBase64(engine::AsBytes(std::string(31, 'k')));
  for (const auto& [node_key, signature] : std::vector<std::pair<std::string, std::string>>{
           {"", Consent("").signature},
           {short_key, Consent("").signature},
           {"not base64!", Consent("").signature},
           {Consent("").node_key, ""},
           {Consent("").node_key, Consent("").node_key}}) {
    Offer();
    engine::SessionAnswer answer = Consent(plane.Told<engine::SessionOffer>().session_id);
    answer.node_key = node_key;
    answer.signature = signature;
    Answer(answer);
    ASSERT_TRUE(failure_.has_value()) << node_key;
    EXPECT_EQ(failure_->kind, Kind::kCarriage);
  }
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(SealedBrokerTest, NobodyAnswersForAnotherNode) {
  Offer();
  const std::string id = plane.Told<engine::SessionOffer>().session_id;
  broker.NodeAnswered("mi-2", Consent(id), kNow);
  broker.NodeEndedSession("mi-2", {id, "mine now"}, kNow);
  EXPECT_TRUE(is_open());
  Answer(Consent(id));
  EXPECT_TRUE(offer_.has_value());
  offer_.reset();
  Answer(Consent(id));
  EXPECT_FALSE(offer_.has_value()) << "nor twice";
}

TEST_F(SealedBrokerTest, ANodeMayEndASessionInsteadOfAnswering) {
  Offer();
  const std::string id = plane.Told<engine::SessionOffer>().session_id;
  broker.NodeEndedSession(kNode, {id, "stopping"}, kNow);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->text, "The node refused: stopping");
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(SealedBrokerTest, AnOfferThatNobodyStartsIsWithdrawn) {
  starts_ = false;
  const std::string id = Start();
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
}

TEST_F(SealedBrokerTest, ASessionWhoseTransactionIsTakenBackIsWithdrawn) {
  starts_ = false;
  broker.OfferSession(Wish(), kNow,
                      [&](const std::variant<SealedOffer, StartFailure>& outcome, int64_t at) {
                        ASSERT_TRUE(store->Begin().ok());
                        EXPECT_TRUE(broker.StartSealed(std::get<SealedOffer>(outcome), at).ok());
                        store->Rollback();
                      });
  const std::string id = plane.Told<engine::SessionOffer>().session_id;
  Answer(Consent(id));
  EXPECT_TRUE(absl::IsNotFound(store->FindSession(id).status()));
  EXPECT_EQ(LaneFailureOf(id), LaneKind::kNoSession);
  broker.Tick(kNow + 60'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
}

TEST_F(SealedBrokerTest, OffersHaveAMaximumOfEachNodeAndOfAll) {
  const size_t of_node = SealedState::kOffersOfNodeMax;
  const size_t nodes = SealedState::kOffersMax / of_node;
  for (size_t i = 0; i <= nodes; ++i) {
    StartRequest wish = Wish();
    wish.node_id = "mi-x" + std::to_string(i);
    plane.nodes[wish.node_id] = 0;
    for (size_t k = 0; k < of_node && i < nodes; ++k) {
      Offer(wish);
      ASSERT_TRUE(is_open()) << i << " " << k;
    }
    Offer(wish);
    ASSERT_TRUE(failure_.has_value());
    EXPECT_EQ(failure_->kind, Kind::kTooMany);
  }
  EXPECT_EQ(broker.offer_count(), SealedState::kOffersMax);
  broker.Tick(kNow + 5'000);
  EXPECT_EQ(broker.offer_count(), 0u);
  EXPECT_EQ(broker.live_count(), 0u);
  Offer();
  EXPECT_TRUE(is_open());
}

TEST_F(SealedBrokerTest, ALoopThatTakesNoLaneFailsTheOfferAndIsNotWaitedFor) {
  plane.takes_no_lanes = true;
  Offer();
  EXPECT_EQ(broker.waiting_lane_count(), 0u);
  Answer(Consent(plane.Told<engine::SessionOffer>().session_id));
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kNotConnected);
  EXPECT_EQ(broker.live_count(), 0u);
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

// ----------------------------------------------------------------------- the end

TEST_F(SealedBrokerTest, ItEndsWithItsLastLaneAndTheNodesLastWord) {
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

TEST_F(SealedBrokerTest, ANodeThatSaysNothingAtTheEndIsWaitedForTwoSeconds) {
  const std::string id = StartJoined();
  broker.LaneEnded({id, 0}, Ended(1'000, 2'000), kNow);
  broker.Tick(kNow + 1'999);
  EXPECT_EQ(broker.live_count(), 1u);
  broker.Tick(kNow + 2'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(store->FindSession(id)->bytes_out, 2'000u);
}

TEST_F(SealedBrokerTest, ATerminationTellsTheNodeAndCutsTheLanes) {
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

TEST_F(SealedBrokerTest, AnEndThatNobodyReportsIsWrittenAllTheSame) {
  const std::string id = StartJoined();
  ASSERT_TRUE(broker.TerminateSession(id, "why", kNow).ok());
  broker.Tick(kNow + 29'999);
  EXPECT_EQ(broker.live_count(), 1u);
  broker.Tick(kNow + 30'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "SessionEnded"));
  broker.LaneEnded({id, 0}, Ended(1, 2), kNow + 30'001);  // No harm.
}

TEST_F(SealedBrokerTest, WhatTheNodeEndsIsRecordedAsItsWord) {
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

TEST_F(SealedBrokerTest, ASessionThatNobodyJoinsFailsAfterAMinute) {
  const std::string id = Start();
  broker.LaneEnded({id, 0}, Ended(0, 0, false), kNow + 10'000);
  broker.Tick(kNow + 59'999);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnecting);
  broker.Tick(kNow + 60'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kFailed);
  EXPECT_THAT(store->FindSession(id)->details, HasSubstr("did not connect in time"));
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
}

TEST_F(SealedBrokerTest, AClientThatDidNotGetThroughMayTryAgain) {
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

TEST_F(SealedBrokerTest, AClientThatNeverGetsThroughFailsAfterAMinute) {
  const std::string id = StartJoined();
  broker.LaneEnded({id, 0}, Ended(500, 7), kNow + 1'000);
  broker.Tick(kNow + 59'999);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  broker.Tick(kNow + 60'000);
  EXPECT_EQ(StatusOf(id), SessionStatus::kFailed);
  EXPECT_THAT(store->FindSession(id)->details, HasSubstr("did not get through"));
}

TEST_F(SealedBrokerTest, LanesOutliveTheNodesLink) {
  const std::string id = StartJoined();
  plane.nodes.clear();
  broker.NodeDisconnected(kNode, plane.link_serial, "gone", kNow + 1);
  EXPECT_EQ(StatusOf(id), SessionStatus::kConnected);
  broker.LaneEnded({id, 0}, Ended(1'000, 2'000), kNow + 2);
  EXPECT_EQ(broker.live_count(), 0u) << "nobody is there whose word is to be awaited";
  EXPECT_EQ(StatusOf(id), SessionStatus::kTerminated);
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
  broker.NodeToldOfStream(kNode, news, kNow);
  news.session_id = "alice-unknown";
  broker.NodeToldOfStream(kNode, news, kNow);
  broker.Flush();
  EXPECT_THAT(Events(), ElementsAre("SessionConnected", "StreamOpened", "StreamClosed"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("reportedBy":"node")"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("outcome":"connection-reset")"));
  EXPECT_THAT(LastRecord(), HasSubstr(R"("bytesToNode":"12")"));
  EXPECT_THAT(LastRecord(), HasSubstr(kOwner));
  broker.NodeNewsMissed(kNode, 5, kNow);
  broker.Flush();
  EXPECT_EQ(Events().back(), "StreamNewsMissed");
  EXPECT_THAT(LastRecord(), HasSubstr(R"("count":"5")"));
}

}  // namespace
}  // namespace relay
