// Goal: StartSession asks for the carriage that the client wants and answers when the node has;
// lanes are their owner's; every call leaves one record, and no record a secret.
// Method: signed requests against the whole API, with a fake data plane and a real store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "engine/http/sigv4.h"
#include "engine/net/resume_proof.h"
#include "relay/api/api.h"
#include "relay/broker/broker.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay {
namespace {

using engine::crypto::EncodeBase64;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using Json = nlohmann::json;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr char kNode[] = "mi-0123456789abcdef0";

class SealedApiTest : public testing::Test {
 protected:
  SealedApiTest() {
    auto opened = SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    for (const std::string user : {"alice", "bob"}) {
      AddAdministrator(*store_, {.id = "AKIA" + user,
                                 .user_name = user,
                                 .principal = "arn:" + user,
                                 .secret = "secret-of-" + user});
    }
    EXPECT_TRUE(store_->AddNode({.id = kNode, .name = "web"}).ok());
    plane_.nodes[kNode] = 2;
    broker_ = std::make_unique<Broker>(*store_, plane_);
    const engine::test::TestAuthority authority;
    certificates_ = std::make_unique<NodeCertificates>(authority.issuer());
    api_ = std::make_unique<Api>(*store_, *broker_, *certificates_, "relay.test:443");
  }

  // Reply is what came for one call; nothing while it waits.
  struct Reply {
    int count = 0;
    int status = 0;
    Json body;
    std::string type() const { return body.value("__type", ""); }
    std::string message() const { return body.value("message", ""); }
  };
  std::shared_ptr<Reply> Call(const std::string& target, const Json& input,
                              const std::string& user = "alice") {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", target);
    request.body = input.dump();
    engine::Sign(request, {"AKIA" + user, "secret-of-" + user, ""}, "adit", "ssm", kNow / 1000);
    auto reply = std::make_shared<Reply>();
    api_->Handle(request, "192.0.2.7", kNow, [reply](engine::HttpResponse response) {
      ++reply->count;
      reply->status = response.status;
      reply->body = Json::parse(response.body);
    });
    EXPECT_LE(reply->count, 1);
    return reply;
  }
  static Json Wish() {
    return {
        {"Target", kNode},
        {"DocumentName", "AWS-StartPortForwardingSession"},
        {"Parameters", {{"portNumber", {"5432"}}}},
        {"Adit", {{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", std::string(64, 'c')}}}};
  }
  std::shared_ptr<Reply> Start(const Json& wish = Wish()) {
    return Call("AmazonSSM.StartSession", wish);
  }

  // StartResuming starts a session that may come again, and lets its first lane be joined and lost.
  struct Resuming {
    std::string id;
    std::string key;
  };
  Resuming StartResuming() {
    Json wish = Wish();
    wish["Adit"]["Resume"] = true;
    const auto reply = Start(wish);
    Resuming session{.id = NodeConsents(), .key = std::string(32, '\0')};
    EXPECT_TRUE(engine::FromHex(reply->body["Adit"].value("RejoinKey", ""),
                                std::as_writable_bytes(std::span(session.key))));
    broker_->LaneJoined({session.id, 0}, "192.0.2.7", kNow);
    LoseLane(session.id);
    api_->Tick(kNow);
    return session;
  }
  void LoseLane(const std::string& id) {
    broker_->LaneEnded(
        {id, 0},
        {.was_joined = true, .reason = "cut", .to_node_bytes = 1'000, .to_client_bytes = 1'000},
        kNow);
  }
  Json Rejoin(const Resuming& session, uint32_t lane, uint64_t epoch) const {
    return {{"SessionId", session.id},
            {"Lane", lane},
            {"Epoch", epoch},
            {"Proof", engine::RejoinProof(engine::AsBytes(session.key), session.id, lane, epoch)}};
  }
  // Ask posts without a signature.
  std::shared_ptr<Reply> Ask(const Json& input, const std::string& operation = "Rejoin") {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", "Adit." + operation);
    request.body = input.dump();
    auto reply = std::make_shared<Reply>();
    api_->Handle(request, "192.0.2.8", kNow, [reply](engine::HttpResponse response) {
      ++reply->count;
      reply->status = response.status;
      reply->body = Json::parse(response.body);
    });
    EXPECT_LE(reply->count, 1);
    return reply;
  }
  // Restart is another process with the same store.
  void Restart() {
    api_.reset();
    broker_ = std::make_unique<Broker>(*store_, plane_);
    api_ = std::make_unique<Api>(*store_, *broker_, *certificates_, "relay.test:443");
    EXPECT_TRUE(
        broker_
            ->TakeOver(kNow, [this](const std::string& id,
                                    const std::string& access) { return api_->GoOn(id, access); })
            .ok());
  }

  // NodeConsents answers the last offer.
  std::string NodeConsents(int64_t now = kNow + 40) {
    engine::SessionAnswer answer;
    answer.session_id = plane_.Told<engine::SessionOffer>().session_id;
    answer.session_key = std::string(64, 'a');
    answer.node_key = EncodeBase64(engine::AsBytes(std::string(32, 'k')));
    answer.signature = EncodeBase64(engine::AsBytes(std::string(64, 's')));
    broker_->NodeAnswered(kNode, answer, now);
    return answer.session_id;
  }

  std::vector<std::string> Events() {
    std::vector<std::string> names;
    const auto events = store_->ListAudit(0, 1'000);
    for (const AuditEvent& event : *events) names.push_back(event.name);
    return names;
  }
  std::string AllRecords() {
    std::string all;
    const auto events = store_->ListAudit(0, 1'000);
    for (const AuditEvent& event : *events) all += event.record + "\n";
    return all;
  }

  TemporaryFolder folder_;
  FakeDataPlane plane_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<NodeCertificates> certificates_;
  std::unique_ptr<Api> api_;
};

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

TEST_F(SealedApiTest, ALostLaneComesAgainWithTheSessionsKeyAlone) {
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

TEST_F(SealedApiTest, ARejoinThatIsReplayedOrStaleIsRefused) {
  const Resuming session = StartResuming();
  EXPECT_EQ(Ask(Rejoin(session, 0, 7))->status, 200);
  EXPECT_EQ(Ask(Rejoin(session, 0, 7))->type(), "StaleEpochException");
  EXPECT_EQ(Ask(Rejoin(session, 1, 6))->type(), "StaleEpochException");
  Restart();
  EXPECT_EQ(Ask(Rejoin(session, 0, 7))->type(), "StaleEpochException");
  EXPECT_EQ(Ask(Rejoin(session, 0, 8))->status, 200);
}

TEST_F(SealedApiTest, ARejoinOfAnotherSideSessionOrLaneIsRefused) {
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

TEST_F(SealedApiTest, ASessionOutlivesTheRelayButNotItsPermission) {
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

TEST_F(SealedApiTest, WhoDidNotAskToComeAgainDoesNotOutliveItsLanes) {
  Start();
  const std::string id = NodeConsents();
  broker_->LaneJoined({id, 0}, "192.0.2.7", kNow);
  Restart();
  EXPECT_FALSE(broker_->IsLive(id));
  EXPECT_EQ(store_->FindSession(id)->details, "The relay was restarted.");
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
  EXPECT_NE(refused({{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", 7}}), "");
  EXPECT_NE(refused({{"Version", 1}, {"Carriage", "folded"}, {"ClientKey", key}}), "");
  EXPECT_NE(refused({{"Version", 1}, {"Carriage", 1}}), "");
  EXPECT_EQ(refused({{"Version", 2}, {"Carriage", "sealed"}, {"ClientKey", key}}), "BadRequest");
  EXPECT_TRUE(plane_.told.empty());
  EXPECT_TRUE(plane_.grants.empty());
  EXPECT_EQ(broker_->live_count(), 0u);
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
