// Goal: every call is found again by each attribute that CloudTrail knows, in pages, newest first;
// and a record has CloudTrail's shape.
// Method: requests against the whole API and a real store, with a clock of the test's own.

#include "relay/api/events_api.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "engine/http/sigv4.h"
#include "relay/api/api.h"
#include "relay/audit/audit_outbox.h"
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
constexpr char kLookup[] = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
constexpr char kArn[] = "arn:aws:iam::000000000000:user/alice";

class EventsApiTest : public testing::Test {
 protected:
  EventsApiTest()
      : store_(Must(SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{}))),
        broker_(*store_, plane_),
        certificates_(engine::test::TestAuthority().issuer()),
        api_(*store_, broker_, certificates_, "relay.test:443") {
    AddAdministrator(
        *store_, {.id = "AKIAalice", .user_name = "alice", .principal = kArn, .secret = "secret"});
    EXPECT_TRUE(store_->AddNode({.id = "mi-0123456789abcdef0", .name = "web"}).ok());
  }

  Json Call(const std::string& target, const Json& input, const std::string& service = "ssm") {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", target);
    request.body = input.dump();
    engine::Sign(request, {"AKIAalice", "secret", ""}, "adit", service, now_ / 1000);
    Json answer;
    api_.Handle(request, "192.0.2.7", now_,
                [&answer](engine::HttpResponse response) { answer = Json::parse(response.body); });
    now_ += 1000;
    return answer;
  }
  Json Lookup(const Json& input) { return Call(kLookup, input, "cloudtrail"); }
  std::vector<std::string> NamesBy(const std::string& key, const std::string& value) {
    const Json answer =
        Lookup({{"LookupAttributes", {{{"AttributeKey", key}, {"AttributeValue", value}}}}});
    std::vector<std::string> names;
    for (const Json& event : answer.at("Events")) names.push_back(event.at("EventName"));
    return names;
  }
  Json GetStatus() {
    return Call("AmazonSSM.GetConnectionStatus", {{"Target", "mi-0123456789abcdef0"}});
  }

  int64_t now_ = kNow;
  TemporaryFolder folder_;
  FakeDataPlane plane_;
  std::unique_ptr<SqliteStore> store_;
  Broker broker_;
  NodeCertificates certificates_;
  Api api_;
};

using Names = std::vector<std::string>;

TEST_F(EventsApiTest, ACallIsFoundByEachAttribute) {
  GetStatus();
  Call("AmazonSSM.CreateActivation", {{"IamRole", "r"}});
  const Json all = Lookup(Json::object());
  ASSERT_EQ(all.at("Events").size(), 2u);
  const Json newest = all["Events"][0];
  EXPECT_EQ(newest["EventName"], "CreateActivation");
  EXPECT_EQ(newest["ReadOnly"], "false");
  EXPECT_EQ(newest["Username"], "alice");
  EXPECT_EQ(newest["EventSource"], "ssm.amazonaws.com");
  EXPECT_EQ(newest["AccessKeyId"], "AKIAalice");
  EXPECT_EQ(newest["EventTime"], (kNow + 1000) / 1000.0);

  EXPECT_EQ(NamesBy("EventId", newest["EventId"]), Names{"CreateActivation"});
  EXPECT_EQ(NamesBy("EventName", "GetConnectionStatus"), Names{"GetConnectionStatus"});
  EXPECT_EQ(NamesBy("ReadOnly", "false"), Names{"CreateActivation"});
  EXPECT_EQ(NamesBy("EventSource", "ssm.amazonaws.com"),
            (Names{"CreateActivation", "GetConnectionStatus"}));
  EXPECT_EQ(NamesBy("ResourceType", "AWS::SSM::ManagedInstance"), Names{"GetConnectionStatus"});
  EXPECT_EQ(NamesBy("ResourceName", "mi-0123456789abcdef0"), Names{"GetConnectionStatus"});
  EXPECT_EQ(NamesBy("Username", "bob"), Names{});
  EXPECT_EQ(NamesBy("Username", "alice").size(), 10u);
  EXPECT_EQ(NamesBy("AccessKeyId", "AKIAalice").size(), 11u);
}

TEST_F(EventsApiTest, PagesGoOnWhereTheLastOneEnded) {
  for (int i = 0; i < 7; ++i) GetStatus();
  Names seen;
  Json input = {{"MaxResults", 3},
                {"EndTime", kNow / 1000 + 100},
                {"LookupAttributes",
                 {{{"AttributeKey", "EventName"}, {"AttributeValue", "GetConnectionStatus"}}}}};
  for (int pages = 0; pages < 10; ++pages) {
    const Json answer = Lookup(input);
    for (const Json& event : answer.at("Events")) seen.push_back(event["EventId"]);
    if (!answer.contains("NextToken")) break;
    input["NextToken"] = answer["NextToken"];
  }
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 7u);
}

TEST_F(EventsApiTest, TimesBoundWhatIsFound) {
  for (int i = 0; i < 5; ++i) GetStatus();
  const Json answer = Lookup({{"StartTime", kNow / 1000 + 1}, {"EndTime", kNow / 1000 + 2}});
  EXPECT_EQ(answer.at("Events").size(), 2u);
  now_ += kLookupMs + 60'000;
  EXPECT_EQ(Lookup(Json::object()).at("Events").size(), 0u);  // They are too old now.
}

TEST_F(EventsApiTest, WhatCloudTrailDoesNotKnowIsRefused) {
  const auto error = [this](const Json& input) { return Lookup(input).value("__type", ""); };
  const auto attribute = [](const char* key, const char* value) {
    return Json{{"LookupAttributes", {{{"AttributeKey", key}, {"AttributeValue", value}}}}};
  };
  EXPECT_EQ(error(attribute("Colour", "red")), "InvalidLookupAttributesException");
  EXPECT_EQ(error(attribute("ReadOnly", "perhaps")), "InvalidLookupAttributesException");
  EXPECT_EQ(error({{"StartTime", 10}, {"EndTime", 9}}), "InvalidTimeRangeException");
  EXPECT_EQ(error({{"NextToken", "x"}}), "InvalidNextTokenException");
  EXPECT_EQ(error({{"EventCategory", "insight"}}), "InvalidEventCategoryException");
  EXPECT_EQ(error({{"MaxResults", 51}}), "ValidationException");
  EXPECT_EQ(Call(kLookup, Json::object(), "ssm").value("__type", ""), "InvalidSignatureException");
}

TEST_F(EventsApiTest, ARecordHasCloudTrailsShape) {
  GetStatus();
  const Json event = Lookup(Json::object()).at("Events")[0];
  const Json record = Json::parse(event.at("CloudTrailEvent").get<std::string>());
  EXPECT_EQ(record["eventVersion"], "1.09");
  EXPECT_EQ(record["userIdentity"]["type"], "IAMUser");
  EXPECT_EQ(record["userIdentity"]["arn"], kArn);
  EXPECT_EQ(record["userIdentity"]["accountId"], "000000000000");
  EXPECT_TRUE(record["userIdentity"]["principalId"].is_string());
  EXPECT_EQ(record["eventSource"], "ssm.amazonaws.com");
  EXPECT_EQ(record["readOnly"], true);
  EXPECT_EQ(record["eventType"], "AwsApiCall");
  EXPECT_EQ(record["managementEvent"], true);
  EXPECT_EQ(record["eventCategory"], "Management");
  EXPECT_EQ(record["recipientAccountId"], "000000000000");
  EXPECT_EQ(record["tlsDetails"]["tlsVersion"], "TLSv1.3");
  EXPECT_EQ(record["tlsDetails"]["clientProvidedHostHeader"], "relay.test:443");
  EXPECT_EQ(record["resources"][0]["type"], "AWS::SSM::ManagedInstance");
  EXPECT_EQ(record["eventID"], event["EventId"]);
}

TEST_F(EventsApiTest, TheOldestAreForgottenByAgeAndByNumberButNoneThatIsNotInTheFiles) {
  for (int i = 0; i < 6; ++i) GetStatus();
  const auto left = [this] { return Must(store_->ListAudit(0, 100)).size(); };
  EXPECT_TRUE(store_->ForgetAudit(0, now_, 0, 100).ok());
  EXPECT_EQ(left(), 6u);  // No file has one yet.
  EXPECT_TRUE(store_->ForgetAudit(6, kNow + 2000, 1000, 100).ok());
  EXPECT_EQ(left(), 4u);
  EXPECT_TRUE(store_->ForgetAudit(6, 0, 3, 100).ok());
  EXPECT_EQ(left(), 3u);
  EXPECT_TRUE(store_->ForgetAudit(6, now_, 0, 1).ok());
  EXPECT_EQ(left(), 2u);
  EXPECT_EQ(NamesBy("ResourceName", "mi-0123456789abcdef0").size(), 2u);
}

TEST(AuditTrailTest, AnAssumedRoleIsSaidWithItsRole) {
  AuditRecord record;
  record.event_name = "StartSession";
  record.principal = "arn:aws:sts::000000000000:assumed-role/operator/alice";
  record.principal_id = "AROAX:alice";
  record.user_name = "alice";
  record.access_key_id = "ASIAX";
  record.issued_unix_ms = kNow;
  record.role_arn = "arn:aws:iam::000000000000:role/team/operator";
  record.has_mfa = true;
  const Json identity = Json::parse(ToJson(record, "id"))["userIdentity"];
  EXPECT_EQ(identity["type"], "AssumedRole");
  EXPECT_EQ(identity["principalId"], "AROAX:alice");
  EXPECT_FALSE(identity.contains("userName"));
  const Json context = identity["sessionContext"];
  EXPECT_EQ(context["sessionIssuer"]["userName"], "operator");
  EXPECT_EQ(context["sessionIssuer"]["principalId"], "AROAX");
  EXPECT_EQ(context["attributes"]["mfaAuthenticated"], "true");
}

TEST(AuditTrailTest, AServiceEventIsTheServices) {
  const Json record = Json::parse(ToJson(NewServiceEvent("FirstStart", kNow), "id"));
  EXPECT_EQ(record["userIdentity"]["type"], "AWSService");
  EXPECT_EQ(record["eventType"], "AwsServiceEvent");
}

}  // namespace
}  // namespace relay
