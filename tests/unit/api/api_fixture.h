// The whole API with a real store, a fake data plane, a user who may do everything and one node.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/http/sigv4.h"
#include "relay/api/api.h"
#include "relay/broker/broker.h"
#include "relay/store/iam_store.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay {

class ApiFixture : public testing::Test {
 protected:
  using Json = nlohmann::json;

  static constexpr int64_t kStart = engine::test::kTestNow * 1000;
  static constexpr char kNodeId[] = "mi-0123456789abcdef0";

  ApiFixture()
      : store_(engine::test::Must(
            SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{}))),
        broker_(*store_, plane_),
        certificates_(engine::test::TestAuthority().issuer()),
        api_(*store_, broker_, certificates_, "relay.test:443") {
    AddUser("admin", "arn:aws:iam::aws:policy/AditAdmin");
    EXPECT_TRUE(store_
                    ->AddNode({.id = kNodeId,
                               .name = "web",
                               .platform = "Linux Debian GNU/Linux 12 x86_64",
                               .agent_version = "1.2.3",
                               .registered_unix_ms = kStart,
                               .last_seen_unix_ms = kStart})
                    .ok());
    plane_.nodes[kNodeId] = 1;
  }

  // AddUser adds a user with a key and one managed policy.
  void AddUser(const std::string& name, const std::string& policy_arn) {
    const std::string id = "AIDA" + name;
    IamStore& iam = store_->Iam();
    EXPECT_TRUE(iam.AddEntity({.kind = IamKind::kUser, .id = id, .name = name}).ok());
    EXPECT_TRUE(iam.Attach(id, policy_arn).ok());
    EXPECT_TRUE(store_
                    ->AddAccessKey({.id = "AKIA" + name,
                                    .user_id = id,
                                    .user_name = name,
                                    .principal = "arn:aws:iam::000000000000:user/" + name,
                                    .secret = "secret-of-" + name})
                    .ok());
  }
  // AddUserWith adds a user whose only policy is the document.
  void AddUserWith(const std::string& name, const Json& document) {
    AddUser(name, "arn:aws:iam::aws:policy/none");
    EXPECT_TRUE(store_->Iam().Detach("AIDA" + name, "arn:aws:iam::aws:policy/none").ok());
    EXPECT_TRUE(store_->Iam().PutInlinePolicy("AIDA" + name, {"p", document.dump()}).ok());
  }

  // Call returns the answer's body, and its status as `Status`. Null: it waits.
  Json Call(const std::string& operation, const Json& input, const std::string& user = "admin") {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    const bool has_service = operation.find('.') != std::string::npos;
    request.headers.Add("X-Amz-Target", has_service ? operation : "AmazonSSM." + operation);
    for (const auto& [name, value] : headers_) request.headers.Add(name, value);
    request.body = input.dump();
    if (operation != "Adit.EnrollNode") {
      const std::string service = operation.starts_with("TrentService.") ? "kms" : "ssm";
      engine::Sign(request, {"AKIA" + user, "secret-of-" + user, ""}, "adit", service, now_ / 1000);
    }
    auto answer = std::make_shared<Json>();
    api_.Handle(request, "192.0.2.7", now_, [answer](engine::HttpResponse response) {
      *answer = Json::parse(response.body);
      (*answer)["Status"] = response.status;
    });
    now_ += 1000;  // No two signatures are the same.
    return *answer;
  }
  // ErrorOf is the code of the error of a call; empty: it was answered.
  std::string ErrorOf(const std::string& operation, const Json& input,
                      const std::string& user = "admin") {
    return Call(operation, input, user).value("__type", "");
  }

  // Enroll registers a node and returns its id, or the error.
  std::string Enroll(const Json& activation) {
    const engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
    const Json answer = Call(
        "Adit.EnrollNode", {{"ActivationId", activation["ActivationId"]},
                            {"ActivationCode", activation["ActivationCode"]},
                            {"CertificateRequest",
                             engine::test::Must(engine::crypto::CreateSigningRequest(key, "node"))},
                            {"AgentVersion", "1.0.0"}});
    return answer.contains("NodeId") ? answer["NodeId"].get<std::string>()
                                     : answer.value("__type", "");
  }

  std::vector<std::string> Events() {
    std::vector<std::string> names;
    const auto events = store_->ListAudit(0, 10'000);
    for (const AuditEvent& event : *events) names.push_back(event.name);
    return names;
  }

  std::vector<std::pair<std::string, std::string>> headers_;  // Of every request, too.
  int64_t now_ = kStart;
  TemporaryFolder folder_;
  FakeDataPlane plane_;
  std::unique_ptr<SqliteStore> store_;
  Broker broker_;
  NodeCertificates certificates_;
  Api api_;
};

}  // namespace relay
