// Goal: whoever proves nothing can make the relay write only so many records, and keeps nobody out
// who can prove something.
// Method: requests against the whole API and a real store, with a clock of the test's own.

#include "relay/api/failure_gate.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/http/sigv4.h"
#include "relay/api/activations_api.h"
#include "relay/api/api.h"
#include "relay/broker/broker.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay {
namespace {

using engine::test::Must;
using Json = nlohmann::json;

constexpr int64_t kNow = 1'700'000'000'000;

class FailureGateTest : public testing::Test {
 protected:
  FailureGateTest()
      : store_(Must(SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{}))),
        broker_(*store_, plane_),
        certificates_(engine::test::TestAuthority().issuer()),
        api_(*store_, broker_, certificates_, "relay.test:443") {
    AddAdministrator(
        *store_,
        {.id = "AKIAalice", .user_name = "alice", .principal = "arn:alice", .secret = "secret"});
  }

  // Call returns the error's name, or "" when the call did what it should.
  std::string Call(const std::string& target, const Json& input, bool is_signed) {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", target);
    request.body = input.dump();
    if (is_signed) engine::Sign(request, {"AKIAalice", "secret", ""}, "adit", "ssm", now_ / 1000);
    std::string error = "no answer";
    api_.Handle(request, "192.0.2.7", now_, [&error](engine::HttpResponse response) {
      error = Json::parse(response.body).value("__type", "");
    });
    return error;
  }
  std::string Enroll(const std::string& id, const std::string& code) {
    const auto key = engine::crypto::PrivateKey::Generate();
    return Call("Adit.EnrollNode",
                {{"ActivationId", id},
                 {"ActivationCode", code},
                 {"CertificateRequest", Must(engine::crypto::CreateSigningRequest(key, "node"))}},
                false);
  }
  NewActivation Activate(uint32_t limit = 1) {
    NewActivation made = MakeActivation(now_, now_ + kActivationDefaultMs, limit);
    EXPECT_TRUE(store_->AddActivation(made.activation).ok());
    return made;
  }
  // Flood makes bad requests until they are refused unread; how many were not.
  int64_t Flood() {
    int64_t count = 0;
    while (count < 1'000 && Enroll("x", "y") != "ThrottlingException") ++count;
    return count;
  }
  size_t RecordCount() const { return Must(store_->ListAudit(0, 10'000)).size(); }

  int64_t now_ = kNow;
  TemporaryFolder folder_;
  FakeDataPlane plane_;
  std::unique_ptr<SqliteStore> store_;
  Broker broker_;
  NodeCertificates certificates_;
  Api api_;
};

TEST_F(FailureGateTest, ItLetsABurstThroughAndThenSoManyASecond) {
  EXPECT_EQ(Flood(), FailureGate::kBurst);
  EXPECT_EQ(RecordCount(), static_cast<size_t>(FailureGate::kBurst));
  now_ += 1'000;
  EXPECT_EQ(Flood(), FailureGate::kPerSecond);
  EXPECT_EQ(Call("AmazonSSM.DescribeSessions", {{"State", "Active"}}, false),
            "ThrottlingException");
}

TEST_F(FailureGateTest, AFloodOfBadRequestsKeepsNobodyOutWhoProvesWhoHeIs) {
  const NewActivation made = Activate();
  Flood();
  EXPECT_EQ(Enroll(made.activation.id, made.code), "");
  EXPECT_EQ(Call("AmazonSSM.DescribeSessions", {{"State", "Active"}}, true), "");
}

TEST_F(FailureGateTest, ACodeThatCanBeUsedNoMoreOpensNothing) {
  const NewActivation used = Activate();
  EXPECT_EQ(Enroll(used.activation.id, used.code), "");
  const NewActivation old = Activate();
  now_ += kActivationDefaultMs;
  Flood();
  EXPECT_EQ(Enroll(used.activation.id, used.code), "ThrottlingException");
  EXPECT_EQ(Enroll(old.activation.id, old.code), "ThrottlingException");
}

TEST_F(FailureGateTest, ABodyThatIsTooLargeIsNotSearchedForACode) {
  const NewActivation made = Activate();
  Flood();
  EXPECT_EQ(Call("Adit.EnrollNode",
                 {{"ActivationId", made.activation.id},
                  {"ActivationCode", made.code},
                  {"CertificateRequest", std::string(100'000, 'x')}},
                 false),
            "ThrottlingException");
}

}  // namespace
}  // namespace relay
