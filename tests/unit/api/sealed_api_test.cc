// Goal: StartSession asks for the carriage that the client wants and answers when the node has;
// lanes are their owner's; every call leaves one record, and no record a secret.
// Method: signed requests against the whole API, with a fake data plane and a real store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/crypto/digest.h"
#include "tests/unit/api/sealed_api_fixture.h"

namespace relay {
namespace {

using engine::crypto::EncodeBase64;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class SealedApiTest : public SealedApiFixture {};

TEST_F(SealedApiTest, StartSessionAnswersWhenTheNodeHas) {
  const auto reply = Start();
  EXPECT_EQ(reply->count, 0) << "it waits for the node";
  EXPECT_FALSE(store_->in_transaction());
  EXPECT_EQ(plane_.Told<engine::SessionOffer>().client_key, std::string(64, 'c'));
  EXPECT_EQ(plane_.Told<engine::SessionOffer>().principal, "arn:alice");
  const std::string id = NodeConsents();
  ASSERT_EQ(reply->count, 1);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body["SessionId"], id);
  const Json& adit = reply->body["Adit"];
  EXPECT_EQ(adit["Carriage"], "sealed");
  EXPECT_EQ(adit["Loop"], plane_.lanes.at(0).first);
  EXPECT_EQ(adit["SessionKey"], std::string(64, 'a'));
  EXPECT_EQ(adit["NodeKey"], EncodeBase64(engine::AsBytes(std::string(32, 'k'))));
  EXPECT_EQ(adit["Signature"], EncodeBase64(engine::AsBytes(std::string(64, 's'))));
  EXPECT_EQ(engine::crypto::Sha256(engine::AsBytes(adit["JoinToken"].get<std::string>())),
            plane_.lanes[0].second.client_token_sha256);
  EXPECT_FALSE(reply->body.contains("TokenValue"));
  EXPECT_EQ(store_->FindSession(id)->status, SessionStatus::kConnecting);
  EXPECT_EQ(store_->FindSession(id)->source_ip, "192.0.2.7");
}

TEST_F(SealedApiTest, ASessionThatIsNotAskedToBeSealedIsInspectedAndWaitsForNobody) {
  Json wish = Wish();
  wish["Adit"] = {{"Version", 1}};
  for (int i = 0; i < 2; ++i) {
    const auto reply = Start(wish);
    ASSERT_EQ(reply->count, 1);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body["Adit"]["Carriage"], "inspected");
    EXPECT_TRUE(reply->body.contains("TokenValue"));
    wish["Adit"]["Carriage"] = "inspected";
  }
  EXPECT_THAT(plane_.grants, SizeIs(2));
  EXPECT_TRUE(plane_.told.empty());
}

TEST_F(SealedApiTest, AWishThatIsNotWellFormedAsksNobody) {
  const auto refused = [this](const Json& adit) {
    Json wish = Wish();
    wish["Adit"] = adit;
    const auto reply = Start(wish);
    EXPECT_EQ(reply->count, 1);
    return reply->type();
  };
  const std::string key(64, 'c');
  EXPECT_EQ(refused({{"Version", 1}, {"Carriage", "sealed"}}), "ValidationException");
  EXPECT_EQ(refused({{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", ""}}),
            "ValidationException");
  EXPECT_EQ(refused({{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", key.substr(1)}}),
            "ValidationException");
  EXPECT_EQ(refused({{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", key + "c"}}),
            "ValidationException");
  EXPECT_EQ(refused({{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", std::string(64, 'C')}}),
            "ValidationException");
  EXPECT_EQ(refused({{"Version", 1}, {"Carriage", "inspected"}, {"ClientKey", key.substr(1)}}),
            "ValidationException");
  EXPECT_NE(refused({{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", 7}}), "");
  EXPECT_NE(refused({{"Version", 1}, {"Carriage", "folded"}, {"ClientKey", key}}), "");
  EXPECT_NE(refused({{"Version", 1}, {"Carriage", 1}}), "");
  EXPECT_EQ(refused({{"Version", 2}, {"Carriage", "sealed"}, {"ClientKey", key}}), "BadRequest");
  EXPECT_TRUE(plane_.told.empty());
  EXPECT_TRUE(plane_.grants.empty());
  EXPECT_EQ(broker_->live_count(), 0u);
}

TEST_F(SealedApiTest, AClientThatBringsAKeyIsSealedWhereTheDocumentDemandsThatAndNowhereElse) {
  const std::string key(64, 'c');
  const Json either = {{"Version", 1}, {"Carriage", "inspected"}, {"ClientKey", key}};
  Json wish = Wish();
  wish["Adit"] = either;
  EXPECT_EQ(Start(wish)->body["Adit"]["Carriage"], "inspected");
  EXPECT_THAT(plane_.grants, SizeIs(1));
  EXPECT_TRUE(plane_.told.empty());

  for (const char* type : {"Standard_Stream", "Port"}) {
    SCOPED_TRACE(type);
    Json content = {
        {"schemaVersion", "1.0"}, {"sessionType", type}, {"inputs", {{"kmsKeyId", "alias/k"}}}};
    if (type == std::string("Port")) content["properties"] = {{"portNumber", "80"}};
    const std::string name = "Keyed-" + std::string(type);
    ASSERT_EQ(Call("AmazonSSM.CreateDocument",
                   {{"Name", name}, {"DocumentType", "Session"}, {"Content", content.dump()}})
                  ->status,
              200);
    const Json keyed = {{"Target", kNode}, {"DocumentName", name}, {"Adit", either}};
    const auto reply = Start(keyed);
    ASSERT_EQ(reply->count, 0) << reply->body;
    EXPECT_EQ(plane_.Told<engine::SessionOffer>().client_key, key);
    NodeConsents();
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body["Adit"]["Carriage"], "sealed");
    EXPECT_NE(reply->body["Adit"].value("Signature", ""), "");

    Json inspected = keyed;
    inspected["Adit"].erase("ClientKey");
    EXPECT_EQ(Start(inspected)->type(), "SealedNotSupported");
    EXPECT_THAT(Start(inspected)->message(), HasSubstr("--sealed instead of --inspected"));
    plane_.is_sealing = false;
    EXPECT_EQ(Start(keyed)->type(), "TargetNotConnected") << "after which none goes on inspected";
    EXPECT_THAT(Start(keyed)->message(), HasSubstr("have a kmsKeyId"));
    plane_.is_sealing = true;
  }
  EXPECT_THAT(plane_.grants, SizeIs(1));
}

TEST_F(SealedApiTest, WhatTheNodeCannotDoIsAnErrorOfItsOwn) {
  plane_.is_sealing = false;
  EXPECT_EQ(Start()->type(), "SealedNotSupported");
  plane_.is_sealing = true;
  const auto refused = Start();
  engine::SessionAnswer no;
  no.session_id = plane_.Told<engine::SessionOffer>().session_id;
  no.error = "the node has as many sessions as it may";
  broker_->NodeAnswered(kNode, no, kNow);
  EXPECT_EQ(refused->type(), "TargetNotConnected") << "no reason to send it unsealed";
  EXPECT_THAT(refused->message(), HasSubstr("as many sessions"));
  const auto silent = Start();
  broker_->Tick(kNow + 5'000);
  EXPECT_EQ(silent->type(), "SealedNotSupported");
  const auto gone = Start();
  const uint64_t link = plane_.link_serial;
  plane_.nodes.clear();
  broker_->NodeDisconnected(kNode, link, "gone", kNow);
  EXPECT_EQ(gone->type(), "TargetNotConnected");
  EXPECT_EQ(Start()->type(), "TargetNotConnected");
  EXPECT_EQ(broker_->live_count(), 0u);
}

TEST_F(SealedApiTest, AnAwsClientsSessionIsSealedByItsTokenAlone) {
  Json wish = Wish();
  wish.erase("Adit");
  const auto started = Call("AmazonSSM.StartSession", wish);
  ASSERT_EQ(started->status, 200);
  const std::string id = started->body["SessionId"], token = started->body["TokenValue"];
  const Json adit = {{"Version", 1},
                     {"Carriage", "sealed"},
                     {"ClientKey", std::string(64, 'c')},
                     {"Resume", true}};
  EXPECT_EQ(
      Ask({{"SessionId", id}, {"TokenValue", token + "x"}, {"Adit", adit}}, "SealSession")->type(),
      "AccessDeniedException");
  EXPECT_EQ(
      Ask({{"SessionId", "nobody"}, {"TokenValue", token}, {"Adit", adit}}, "SealSession")->type(),
      "AccessDeniedException");
  EXPECT_EQ(Ask({{"SessionId", id}, {"TokenValue", token}}, "SealSession")->type(),
            "ValidationException");
  const auto reply = Ask({{"SessionId", id}, {"TokenValue", token}, {"Adit", adit}}, "SealSession");
  EXPECT_EQ(reply->count, 0) << "the node is asked";
  EXPECT_EQ(NodeConsents(), id);
  ASSERT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(reply->body["SessionId"], id);
  EXPECT_EQ(reply->body["Adit"]["Carriage"], "sealed");
  EXPECT_EQ(reply->body["Adit"]["NodeName"], "web");
  EXPECT_NE(reply->body["Adit"].value("JoinToken", ""), "");
  EXPECT_NE(reply->body["Adit"].value("RejoinKey", ""), "");
  EXPECT_NE(*store_->FindSessionAccess(id), "");
  EXPECT_EQ(store_->FindSession(id)->carriage, Carriage::kSealed);
  const auto event = store_->ListAudit(0, 1'000)->back();
  EXPECT_EQ(event.name, "SealSession");
  EXPECT_THAT(event.record, Not(HasSubstr(token)));
  EXPECT_THAT(event.record, HasSubstr("arn:alice"));
  EXPECT_EQ(Ask({{"SessionId", id}, {"TokenValue", token}, {"Adit", adit}}, "SealSession")->type(),
            "SealedNotSupported")
      << "once";
}

TEST_F(SealedApiTest, OneMoreLaneIsForTheOwnerAlone) {
  Start();
  const std::string id = NodeConsents();
  const auto mine = Call("Adit.OpenLane", {{"SessionId", id}});
  ASSERT_EQ(mine->status, 200);
  EXPECT_EQ(mine->body["Loop"], plane_.lanes.at(1).first);
  EXPECT_EQ(engine::crypto::Sha256(engine::AsBytes(mine->body["JoinToken"].get<std::string>())),
            plane_.lanes[1].second.client_token_sha256);
  EXPECT_EQ(Call("Adit.OpenLane", {{"SessionId", id}}, "bob")->type(), "DoesNotExistException");
  EXPECT_EQ(Call("Adit.OpenLane", {{"SessionId", "alice-none"}})->type(), "DoesNotExistException");
  EXPECT_NE(Call("Adit.OpenLane", Json::object())->status, 200);
  EXPECT_NE(Call("Adit.OpenLane", {{"SessionId", 7}})->status, 200);
  EXPECT_THAT(plane_.lanes, SizeIs(2));
  while (plane_.lanes.size() < engine::kLanesMax) {
    ASSERT_EQ(Call("Adit.OpenLane", {{"SessionId", id}})->status, 200);
  }
  EXPECT_EQ(Call("Adit.OpenLane", {{"SessionId", id}})->type(), "LaneLimitExceeded");
  plane_.nodes.clear();
  broker_->LaneEnded({id, 1}, {}, kNow);
  EXPECT_EQ(Call("Adit.OpenLane", {{"SessionId", id}})->type(), "TargetNotConnected");
}

TEST_F(SealedApiTest, EveryCallIsRecordedOnceAndNoRecordHoldsASecret) {
  const auto started = Start();
  const std::string node_token = plane_.Told<engine::SessionOffer>().join_token;
  EXPECT_TRUE(Events().empty()) << "not before its outcome is known";
  const std::string id = NodeConsents();
  const auto lane = Call("Adit.OpenLane", {{"SessionId", id}});
  Call("Adit.OpenLane", {{"SessionId", id}}, "bob");
  Start();
  broker_->Tick(kNow + 5'000);
  EXPECT_THAT(Events(), ElementsAre("StartSession", "OpenLane", "OpenLane", "StartSession"));
  const std::string records = AllRecords();
  EXPECT_THAT(records, HasSubstr(id));
  EXPECT_THAT(records, HasSubstr("SealedNotSupported"));
  EXPECT_THAT(records, HasSubstr("arn:bob"));
  EXPECT_THAT(records, HasSubstr(std::string(64, 'a'))) << "which key the node showed";
  const auto secret_of = [](const std::string& token) {
    return token.substr(token.rfind('.') + 1);
  };
  for (const std::string& token :
       {node_token, started->body["Adit"]["JoinToken"].get<std::string>(),
        lane->body["JoinToken"].get<std::string>()}) {
    EXPECT_GE(secret_of(token).size(), 32u);
    EXPECT_THAT(records, Not(HasSubstr(secret_of(token))));
  }
}

TEST_F(SealedApiTest, ATerminatedSessionIsStoppedAtItsNode) {
  Start();
  const std::string id = NodeConsents();
  broker_->LaneJoined({id, 0}, "192.0.2.7", kNow);
  EXPECT_EQ(Call("AmazonSSM.TerminateSession", {{"SessionId", id}})->status, 200);
  EXPECT_EQ(plane_.Told<engine::SessionStop>().session_id, id);
  EXPECT_EQ(plane_.Told<engine::SessionStop>().reason, "Terminated by arn:alice.");
  EXPECT_THAT(plane_.lanes_ended, SizeIs(1));
  const auto listed = Call("AmazonSSM.DescribeSessions", {{"State", "History"}});
  ASSERT_EQ(listed->body["Sessions"].size(), 1u);
  EXPECT_EQ(listed->body["Sessions"][0]["Details"], "Terminated by arn:alice.")
      << "a client that was cut finds out why";
}

}  // namespace
}  // namespace relay
