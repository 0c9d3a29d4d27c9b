// Goal: a session's lanes come again by its key alone, once for each epoch, as long as it is
// allowed; and while the store is down, too.
// Method: requests against the whole API, with a fake data plane and a real store whose file is
// taken away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/crypto/digest.h"
#include "tests/unit/api/sealed_api_fixture.h"

namespace relay {
namespace {

using testing::HasSubstr;
using testing::Not;

class RejoinApiTest : public SealedApiFixture {};

TEST_F(RejoinApiTest, ALostLaneComesAgainWithTheSessionsKeyAlone) {
  const Resuming session = StartResuming();
  EXPECT_TRUE(broker_->IsLive(session.id));
  const auto reply = Ask(Rejoin(session, 0, 1));
  ASSERT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(engine::crypto::Sha256(engine::AsBytes(reply->body["JoinToken"].get<std::string>())),
            plane_.lanes.back().second.client_token_sha256);
  const auto offer = plane_.Told<engine::LaneOffer>();
  EXPECT_EQ(offer.session_id, session.id);
  EXPECT_EQ(offer.lane, 0u);
  EXPECT_THAT(AllRecords(), Not(HasSubstr(reply->body["JoinToken"].get<std::string>())));
  EXPECT_THAT(AllRecords(), Not(HasSubstr(engine::ToHex(engine::AsBytes(session.key)))));
}

TEST_F(RejoinApiTest, ARejoinThatIsReplayedOrStaleIsRefused) {
  const Resuming session = StartResuming();
  EXPECT_EQ(Ask(Rejoin(session, 0, 7))->status, 200);
  EXPECT_EQ(Ask(Rejoin(session, 0, 7))->type(), "StaleEpochException");
  EXPECT_EQ(Ask(Rejoin(session, 1, 6))->type(), "StaleEpochException");
  Restart();
  EXPECT_EQ(Ask(Rejoin(session, 0, 7))->type(), "StaleEpochException");
  EXPECT_EQ(Ask(Rejoin(session, 0, 8))->status, 200);
}

TEST_F(RejoinApiTest, ARejoinOfAnotherSideSessionOrLaneIsRefused) {
  const Resuming session = StartResuming();
  const Resuming other = StartResuming();
  const size_t lanes = plane_.lanes.size();
  const Json right = Rejoin(session, 0, 1);
  const auto refused = [&](const char* member, const Json& value) {
    Json wrong = right;
    wrong[member] = value;
    return Ask(wrong)->type();
  };
  // As a node would prove it, if it had the key.
  std::string node("adit rejoin v1\0node\0", 20);
  node += std::string{'\0', static_cast<char>(session.id.size())} + session.id +
          std::string(11, '\0') + '\1';
  EXPECT_EQ(refused("Proof", engine::ToHex(engine::crypto::HmacSha256(engine::AsBytes(session.key),
                                                                      engine::AsBytes(node)))),
            "AccessDeniedException");
  EXPECT_EQ(refused("SessionId", other.id), "AccessDeniedException");
  EXPECT_EQ(refused("SessionId", "nobody-1"), "AccessDeniedException");
  EXPECT_EQ(refused("Lane", 1), "AccessDeniedException");
  EXPECT_EQ(refused("Epoch", 2), "AccessDeniedException");
  EXPECT_EQ(refused("Proof", std::string(64, '0')), "AccessDeniedException");
  EXPECT_EQ(plane_.lanes.size(), lanes);
  EXPECT_EQ(Ask(right)->status, 200);
}

TEST_F(RejoinApiTest, ASessionOutlivesTheRelayButNotItsPermission) {
  const Resuming session = StartResuming();
  Restart();
  EXPECT_TRUE(broker_->IsLive(session.id));
  EXPECT_EQ(Ask(Rejoin(session, 0, 1))->status, 200);
  ASSERT_TRUE(store_->Iam().SetAccessKeyActive("AKIAalice", false).ok());
  const auto reply = Ask(Rejoin(session, 0, 2));
  EXPECT_EQ(reply->type(), "AccessDeniedException");
  EXPECT_THAT(reply->message(), HasSubstr("permission"));
  api_->Tick(kNow + 10'000);
  const auto over = Ask(Rejoin(session, 0, 3));
  EXPECT_EQ(over->type(), "DoesNotExistException");
  EXPECT_THAT(over->message(), HasSubstr("permission"));
}

TEST_F(RejoinApiTest, WhoDidNotAskToComeAgainDoesNotOutliveItsLanes) {
  Start();
  const std::string id = NodeConsents();
  broker_->LaneJoined({id, 0}, "192.0.2.7", kNow);
  Restart();
  EXPECT_FALSE(broker_->IsLive(id));
  EXPECT_EQ(store_->FindSession(id)->details, "The relay was restarted.");
}

// ------------------------------------------------------------- the store is down

TEST_F(RejoinApiTest, WhileTheStoreIsDownALostLaneComesAgainAndIsOnRecordLater) {
  const Resuming session = StartResuming();
  TakeStoreAway();
  const size_t lanes = plane_.lanes.size();
  const size_t records = Events().size();
  const auto reply = Ask(Rejoin(session, 0, 1));
  ASSERT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(plane_.lanes.size(), lanes + 1);
  EXPECT_EQ(plane_.Told<engine::LaneOffer>().session_id, session.id);
  EXPECT_EQ(engine::crypto::Sha256(engine::AsBytes(reply->body["JoinToken"].get<std::string>())),
            plane_.lanes.back().second.client_token_sha256);
  Turn(kNow + 1);
  EXPECT_EQ(Events().size(), records);
  BringStoreBack();
  const AuditEvent event = store_->ListAudit(0, 1'000)->back();
  EXPECT_EQ(event.name, "Rejoin");
  EXPECT_THAT(event.record, HasSubstr("arn:alice"));
  EXPECT_THAT(event.record, HasSubstr(session.id));
  EXPECT_THAT(event.record, HasSubstr(R"("carriage":"sealed")"));
  EXPECT_THAT(event.record, Not(HasSubstr(reply->body["JoinToken"].get<std::string>())));
}

TEST_F(RejoinApiTest, AnEpochOfThatTimeIsRefusedThenAndLaterAndAfterARestart) {
  const Resuming session = StartResuming();
  EXPECT_EQ(Ask(Rejoin(session, 0, 3))->status, 200);
  TakeStoreAway();
  EXPECT_EQ(Ask(Rejoin(session, 0, 3))->type(), "StaleEpochException");
  EXPECT_EQ(Ask(Rejoin(session, 0, 5))->status, 200);
  EXPECT_EQ(Ask(Rejoin(session, 0, 5))->type(), "StaleEpochException");
  BringStoreBack();
  EXPECT_EQ(Ask(Rejoin(session, 0, 5))->type(), "StaleEpochException");
  Restart();
  EXPECT_EQ(Ask(Rejoin(session, 0, 5))->type(), "StaleEpochException");
  EXPECT_EQ(Ask(Rejoin(session, 0, 6))->status, 200);
}

TEST_F(RejoinApiTest, WithoutTheStoreNobodyComesWhoWouldNotWithIt) {
  const Resuming session = StartResuming();
  const Resuming ended = StartResuming();
  broker_->NodeEndedSession(kNode, {ended.id, "gone", 0, 0}, kNow);
  const Resuming disallowed = StartResuming();
  ASSERT_TRUE(store_->Iam().SetAccessKeyActive("AKIAalice", false).ok());
  TakeStoreAway();
  Json forged = Rejoin(session, 0, 1);
  forged["Proof"] = std::string(64, '0');
  EXPECT_NE(Ask(forged)->status, 200);
  EXPECT_EQ(Ask(Rejoin(ended, 0, 1))->type(), "DoesNotExistException");
  EXPECT_NE(Ask(Rejoin(disallowed, 0, 1))->status, 200);
  EXPECT_EQ(Call("AmazonSSM.StartSession", Wish(), "bob")->type(), "InternalServerError");
}

TEST_F(RejoinApiTest, APermissionThatEndsWithTheHourEndsASessionWithoutTheStore) {
  const Resuming session = StartResuming();
  const Json until = {
      {"Version", "2012-10-17"},
      {"Statement",
       {{{"Effect", "Deny"},
         {"Action", "ssm:StartSession"},
         {"Resource", "*"},
         {"Condition",
          {{"NumericGreaterThan", {{"aws:EpochTime", std::to_string(kNow / 1000 + 60)}}}}}}}}};
  const auto key = store_->FindAccessKey("AKIAalice");
  ASSERT_TRUE(store_->Iam().PutInlinePolicy(key->user_id, {"hour", until.dump()}).ok());
  Turn(kNow + 2'000);
  EXPECT_TRUE(broker_->IsLive(session.id));
  TakeStoreAway();
  EXPECT_EQ(Ask(Rejoin(session, 0, 1), "Rejoin", kNow + 3'000)->status, 200);
  EXPECT_EQ(Ask(Rejoin(session, 0, 2), "Rejoin", kNow + 70'000)->type(), "AccessDeniedException");
  Turn(kNow + 71'000);
  EXPECT_FALSE(broker_->IsLive(session.id));
}

}  // namespace
}  // namespace relay
