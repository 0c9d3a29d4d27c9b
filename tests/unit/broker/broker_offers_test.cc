// Goal: a sealed session begins when its node has consented, for that client, and in its time;
// whatever else comes of an offer, nothing of it stays.
// Method: a fake data plane, a real store, and times that the test gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "tests/unit/broker/sealed_broker_fixture.h"

namespace relay {
namespace {

using engine::crypto::EncodeBase64;
using engine::crypto::Sha256;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;
using Kind = StartFailure::Kind;

class BrokerOffersTest : public SealedBrokerFixture {};

TEST_F(BrokerOffersTest, TheNodeIsAskedWithAllThatIsGrantedAndNothingIsStoredYet) {
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

TEST_F(BrokerOffersTest, AConsentMakesASessionAndTellsTheClientTheNodesWords) {
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

TEST_F(BrokerOffersTest, WhatCannotBeAskedForIsNamedAndAsksNobody) {
  plane.is_sealing = false;
  Offer();
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  EXPECT_THAT(failure_->text, HasSubstr("the agent of mi-1 does not know sealed ones: update it"));
  Node original{.id = "mi-9", .name = "old", .public_key = "MII"};
  EXPECT_TRUE(store->AddNode(original).ok());
  plane.nodes["mi-9"] = 1;
  StartRequest of_original = Wish();
  of_original.node_id = "mi-9";
  Offer(of_original);
  EXPECT_THAT(failure_->text, HasSubstr("amazon-ssm-agent on mi-9 does not know sealed ones, as "));
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

TEST_F(BrokerOffersTest, ACommandThatFitsIntoNoOfferIsRefused) {
  StartRequest wish = Wish();
  wish.document = "AWS-StartNonInteractiveCommand";
  wish.parameters = {{"command", {std::string(engine::kControlSizeMax, 'x')}}};
  Offer(wish);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kInvalidParameters);
  EXPECT_TRUE(plane.told.empty());
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(BrokerOffersTest, ANodeThatNeverAnswersIsWaitedForFiveSeconds) {
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

TEST_F(BrokerOffersTest, ANodeThatGoesAnswersNoMoreAndItsNewLinkIsAnother) {
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

TEST_F(BrokerOffersTest, ARefusalIsPassedOnCutToItsSize) {
  Offer();
  engine::SessionAnswer no;
  no.session_id = plane.Told<engine::SessionOffer>().session_id;
  no.error = "no" + std::string(5'000, '!');
  Answer(no);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kNotConnected);
  EXPECT_TRUE(failure_->text.starts_with("The node refused: no!"));
  EXPECT_LT(failure_->text.size(), 300u);
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(BrokerOffersTest, AnAnswerWithKeysOfAnotherSizeIsNone) {
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

TEST_F(BrokerOffersTest, NobodyAnswersForAnotherNode) {
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

TEST_F(BrokerOffersTest, ANodeMayEndASessionInsteadOfAnswering) {
  Offer();
  const std::string id = plane.Told<engine::SessionOffer>().session_id;
  broker.NodeEndedSession(kNode, {id, "stopping"}, kNow);
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->text, "The node refused: stopping");
  EXPECT_EQ(broker.live_count(), 0u);
}

TEST_F(BrokerOffersTest, AnOfferThatNobodyStartsIsWithdrawn) {
  starts_ = false;
  const std::string id = Start();
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
  EXPECT_THAT(plane.lanes_ended, SizeIs(1));
}

TEST_F(BrokerOffersTest, ASessionWhoseTransactionIsTakenBackIsWithdrawn) {
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
  EXPECT_EQ(LaneFailureOf(id), LaneFailure::Kind::kNoSession);
  broker.Tick(kNow + 60'000);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, id);
}

TEST_F(BrokerOffersTest, OffersHaveAMaximumOfEachNodeAndOfAll) {
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

TEST_F(BrokerOffersTest, ALoopThatTakesNoLaneFailsTheOfferAndIsNotWaitedFor) {
  plane.takes_no_lanes = true;
  Offer();
  EXPECT_EQ(broker.waiting_lane_count(), 0u);
  Answer(Consent(plane.Told<engine::SessionOffer>().session_id));
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->kind, Kind::kNotConnected);
  EXPECT_EQ(broker.live_count(), 0u);
}

}  // namespace
}  // namespace relay
