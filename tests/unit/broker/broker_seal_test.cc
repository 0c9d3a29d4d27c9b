// Goal: a session that an AWS client started goes on sealed under the same id when its node
// consents, and is what it was when it does not; nobody can join it twice, and every end reaches
// it. Method: a fake data plane, a real store, and times that the test gives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>

#include "engine/crypto/digest.h"
#include "tests/unit/broker/sealed_broker_fixture.h"

namespace relay {
namespace {

using engine::crypto::Sha256;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = StartFailure::Kind;

class BrokerSealTest : public SealedBrokerFixture {
 protected:
  // StartAws starts one as the AWS CLI does, for a port.
  void StartAws() {
    StartRequest wish = Wish();
    wish.carriage.reset();
    wish.client_key.clear();
    const auto started = broker.StartSession(wish, kNow);
    ASSERT_TRUE(std::holds_alternative<StartedSession>(started));
    session = std::get<StartedSession>(started);
  }
  void Seal() { Seal(session.token); }
  void Seal(const std::string& token) {
    failure_.reset();
    offer_.reset();
    broker.SealSession(session.session_id, Sha256(engine::AsBytes(token)), std::string(64, 'c'),
                       kNow,
                       [this](const std::variant<SealedOffer, StartFailure>& outcome, int64_t at) {
                         if (const auto* failure = std::get_if<StartFailure>(&outcome)) {
                           failure_ = *failure;
                           return;
                         }
                         offer_ = std::get<SealedOffer>(outcome);
                         offer_->session.access = "what it was allowed by";
                         if (!starts_) return;
                         EXPECT_TRUE(broker.StartSealed(*offer_, at).ok());
                       });
  }
  // ExpectInspected: it can be joined as it was before it was asked to be sealed.
  void ExpectInspected() {
    ASSERT_THAT(plane.grants, SizeIs(2));
    EXPECT_EQ(plane.grants[1].session_id, session.session_id);
    EXPECT_EQ(plane.grants[1].token_sha256, Sha256(engine::AsBytes(session.token)));
    broker.LaneEnded({session.session_id, 0}, {.was_joined = false}, kNow);
    broker.SessionJoined(session.session_id, "192.0.2.7", kNow);
    EXPECT_EQ(StatusOf(session.session_id), SessionStatus::kConnected);
    EXPECT_EQ(broker.offer_count(), 0u);
    EXPECT_EQ(broker.waiting_lane_count(), 0u);
  }

  StartedSession session;
};

TEST_F(BrokerSealTest, ItGoesOnSealedUnderTheSameIdAndItsTokenIsWorthNothing) {
  StartAws();
  Seal();
  EXPECT_TRUE(is_open());
  const auto& offer = plane.Told<engine::SessionOffer>();
  EXPECT_EQ(offer.session_id, session.session_id);
  EXPECT_EQ(offer.principal, kOwner);
  EXPECT_EQ(offer.client_key, std::string(64, 'c'));
  EXPECT_EQ(offer.kind, "tcp");
  EXPECT_EQ(offer.port, 5432);
  EXPECT_EQ(offer.seconds_max, plane.grants[0].duration_max / std::chrono::seconds(1));
  ASSERT_THAT(plane.ended, SizeIs(1)) << "nobody joins it meanwhile";
  EXPECT_EQ(plane.ended[0].first, session.session_id);
  Answer(Consent(session.session_id));
  ASSERT_TRUE(offer_.has_value());
  EXPECT_EQ(offer_->session.id, session.session_id);
  broker.LaneJoined({session.session_id, 0}, "192.0.2.7", kNow);
  EXPECT_EQ(StatusOf(session.session_id), SessionStatus::kConnected);
  EXPECT_EQ(*store->FindSessionAccess(session.session_id), "what it was allowed by");
  EXPECT_THAT(plane.grants, SizeIs(1));
  EXPECT_FALSE(broker.RenewToken(session.session_id).has_value());
  broker.SessionEnded(session.session_id, "a late word", 0, 0, kNow);
  EXPECT_TRUE(broker.IsLive(session.session_id)) << "of the time before";
  Seal();
  EXPECT_EQ(failure_->kind, Kind::kCarriage) << "it is sealed already";
}

TEST_F(BrokerSealTest, WhoJoinedWhileTheNodeWasAskedEndsNothing) {
  StartAws();
  Seal();
  broker.SessionJoined(session.session_id, "192.0.2.7", kNow);
  engine::SessionAnswer refusal;
  refusal.session_id = session.session_id;
  refusal.error = "full";
  Answer(refusal);
  EXPECT_FALSE(broker.SessionEnded(session.session_id, "a late word", 0, 0, kNow));
  EXPECT_TRUE(broker.IsLive(session.session_id)) << "it can be joined again, and ended";
  broker.SessionJoined(session.session_id, "192.0.2.7", kNow);
  EXPECT_TRUE(broker.SessionEnded(session.session_id, "left", 0, 0, kNow));
  EXPECT_FALSE(broker.IsLive(session.session_id));
}

TEST_F(BrokerSealTest, WhatTheNodeRefusesOrDoesNotAnswerIsInspectedAgain) {
  StartAws();
  Seal();
  engine::SessionAnswer refusal;
  refusal.session_id = session.session_id;
  refusal.error = "full";
  Answer(refusal);
  EXPECT_THAT(failure_->text, HasSubstr("full"));
  ExpectInspected();
}

TEST_F(BrokerSealTest, ANodeThatNeverAnswersIsWaitedForFiveSeconds) {
  StartAws();
  Seal();
  broker.Tick(kNow + 5'000);
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  ExpectInspected();
}

TEST_F(BrokerSealTest, AnOfferThatNobodyStartsIsTakenBack) {
  StartAws();
  starts_ = false;
  Seal();
  Answer(Consent(session.session_id));
  EXPECT_EQ(plane.Told<engine::SessionStop>().session_id, session.session_id);
  ExpectInspected();
}

TEST_F(BrokerSealTest, OneWhoseTransactionIsTakenBackIsInspectedAgain) {
  StartAws();
  starts_ = false;
  broker.SealSession(session.session_id, Sha256(engine::AsBytes(session.token)),
                     std::string(64, 'c'), kNow,
                     [this](const std::variant<SealedOffer, StartFailure>& outcome, int64_t at) {
                       ASSERT_TRUE(store->Begin().ok());
                       EXPECT_TRUE(broker.StartSealed(std::get<SealedOffer>(outcome), at).ok());
                       store->Rollback();
                     });
  Answer(Consent(session.session_id));
  broker.Tick(kNow + 60'000);
  ExpectInspected();
}

TEST_F(BrokerSealTest, OnlyWhoHasTheTokenOfOneThatNobodyJoinedCanAsk) {
  StartAws();
  Seal("another");
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  const auto renewed = broker.RenewToken(session.session_id);
  ASSERT_TRUE(renewed.has_value());
  Seal();
  EXPECT_EQ(failure_->kind, Kind::kCarriage) << "it was renewed";
  EXPECT_THAT(plane.told, IsEmpty());
  broker.SessionJoined(session.session_id, "192.0.2.7", kNow);
  Seal(renewed->token);
  EXPECT_EQ(failure_->kind, Kind::kCarriage) << "it was joined";
  EXPECT_THAT(plane.told, IsEmpty());
}

TEST_F(BrokerSealTest, WhatWasResumedIsNotSealed) {
  StartAws();
  const auto renewed = broker.RenewToken(session.session_id);
  ASSERT_TRUE(renewed.has_value());
  Seal(renewed->token);
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  failure_.reset();
  Seal();
  EXPECT_EQ(failure_->kind, Kind::kCarriage) << "the old token is worth nothing";
}

TEST_F(BrokerSealTest, ANativeSessionAndANodeThatCannotAreRefusedAtOnce) {
  StartRequest wish = Wish();
  wish.carriage = Carriage::kInspected;
  session = std::get<StartedSession>(broker.StartSession(wish, kNow));
  Seal();
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  StartAws();
  plane.is_sealing = false;
  Seal();
  EXPECT_EQ(failure_->kind, Kind::kCarriage);
  plane.nodes.clear();
  Seal();
  EXPECT_EQ(failure_->kind, Kind::kNotConnected);
  EXPECT_THAT(plane.ended, IsEmpty()) << "it can still be joined";
}

TEST_F(BrokerSealTest, ItEndsWhileItsNodeIsAskedAndAfterThat) {
  StartAws();
  Seal();
  EXPECT_TRUE(broker.TerminateSession(session.session_id, "enough", kNow).ok());
  EXPECT_THAT(failure_->text, HasSubstr("enough"));
  EXPECT_EQ(StatusOf(session.session_id), SessionStatus::kTerminated);
  EXPECT_EQ(broker.live_count(), 0u);
  EXPECT_EQ(broker.offer_count(), 0u);

  StartAws();
  Seal();
  EXPECT_TRUE(broker.DeregisterNode(kNode, kNow).ok());
  EXPECT_TRUE(failure_.has_value());
  EXPECT_EQ(StatusOf(session.session_id), SessionStatus::kTerminated);
  EXPECT_EQ(broker.live_count(), 0u);
}

}  // namespace
}  // namespace relay
