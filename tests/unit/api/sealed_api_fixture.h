// The API with a real store, a fake data plane, two administrators and a node that can seal, for
// tests of sessions on lanes.

#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/crypto/base64.h"
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

class SealedApiFixture : public testing::Test {
 protected:
  using Json = nlohmann::json;

  static constexpr int64_t kNow = 1'700'000'000'000;
  static constexpr char kNode[] = "mi-0123456789abcdef0";

  SealedApiFixture() {
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
  std::shared_ptr<Reply> Ask(const Json& input, const std::string& operation = "Rejoin",
                             int64_t now = kNow) {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", "Adit." + operation);
    request.body = input.dump();
    auto reply = std::make_shared<Reply>();
    const auto take = [reply](const engine::HttpResponse& response) {
      ++reply->count;
      reply->status = response.status;
      reply->body = Json::parse(response.body);
    };
    // As the control thread does.
    if (const auto response = api_->AnswerMeanwhile(request, "192.0.2.8", now)) {
      take(*response);
    } else {
      api_->Handle(request, "192.0.2.8", now, take);
    }
    EXPECT_LE(reply->count, 1);
    return reply;
  }
  // The store goes and comes back with its file, and each group of changes finds out.
  void TakeStoreAway() {
    std::filesystem::rename(folder_ / "adit.db", folder_ / "gone.db");
    Turn(kNow);
    EXPECT_TRUE(store_->is_down());
  }
  void BringStoreBack() {
    std::filesystem::rename(folder_ / "gone.db", folder_ / "adit.db");
    Turn(kNow);
    EXPECT_FALSE(store_->is_down());
    Turn(kNow + 1'000);
  }
  // Turn is what the control thread does a few times a second.
  void Turn(int64_t now) {
    store_->OpenGroup().IgnoreError();
    broker_->Tick(now);
    api_->Tick(now);
    store_->CloseGroup().IgnoreError();
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
    answer.node_key = engine::crypto::EncodeBase64(engine::AsBytes(std::string(32, 'k')));
    answer.signature = engine::crypto::EncodeBase64(engine::AsBytes(std::string(64, 's')));
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

}  // namespace relay
