// Goal: STS gives credentials to whom the policies allow it, for as long as they may last, and what
// is done with them is done as the right principal.
// Method: signed requests of the query protocol against the whole API, users and roles in a store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/base/bytes.h"
#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "relay/access/one_time_code.h"
#include "relay/api/api.h"
#include "relay/broker/broker.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay {
namespace {

using engine::AwsCredentials;
using engine::test::Must;
using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t kNow = 1'700'000'010;
const std::string kRole = "arn:aws:iam::000000000000:role/ops";
const AwsCredentials kAdmin = {"AKIAadmin", "secret", ""};
const AwsCredentials kBob = {"AKIAbob", "secret", ""};

// Trusting is a trust policy of the statements given; `who` may be a principal's ARN.
std::string Trusting(const std::string& who, const std::string& more = "",
                     const std::string& actions = R"("sts:AssumeRole")") {
  return R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[)" + actions +
         R"(],"Principal":{"AWS":")" + who + R"("})" + more + "}}";
}
const std::string kAccountRoot = "arn:aws:iam::000000000000:root";
const std::string kBobArn = "arn:aws:iam::000000000000:user/bob";

class StsTest : public testing::Test {
 protected:
  StsTest()
      : store_(Must(SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{}))),
        broker_(*store_, plane_),
        certificates_(engine::test::TestAuthority().issuer()),
        api_(*store_, broker_, certificates_, "relay.test:443") {
    AddAdministrator(*store_, {.id = "AKIAadmin",
                               .user_name = "admin",
                               .principal = "arn:aws:iam::000000000000:user/admin",
                               .secret = "secret"});
    EXPECT_TRUE(
        store_->Iam().AddEntity({.kind = IamKind::kUser, .id = "AIDAbob", .name = "bob"}).ok());
    EXPECT_TRUE(store_
                    ->AddAccessKey({.id = "AKIAbob",
                                    .user_id = "AIDAbob",
                                    .user_name = "bob",
                                    .principal = kBobArn,
                                    .secret = "secret"})
                    .ok());
    AddRole("ops", Trusting(kBobArn));
  }

  void AddRole(const std::string& name, const std::string& trust, int64_t session_max = 3600) {
    EXPECT_TRUE(store_->Iam()
                    .AddEntity({.kind = IamKind::kRole,
                                .id = "AROA" + name,
                                .name = name,
                                .trust_policy = trust,
                                .session_max_seconds = session_max})
                    .ok());
  }
  void Trust(const std::string& trust) {
    IamEntity role = Must(store_->Iam().FindEntity(IamKind::kRole, "ops"));
    role.trust_policy = trust;
    EXPECT_TRUE(store_->Iam().UpdateEntity(role).ok());
    store_->Iam().Changed();
  }

  std::string Send(engine::HttpRequest request) {
    std::string body = "no answer";
    api_.Handle(request, "192.0.2.7", now_ * 1000,
                [&body](engine::HttpResponse response) { body = std::move(response.body); });
    return body;
  }
  std::string Call(const AwsCredentials& who, const std::string& action,
                   const Parameters& parameters = {}, const std::string& service = "sts",
                   const std::string& version = "2011-06-15") {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.test:443");
    request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
    request.body = "Action=" + action + "&Version=" + version;
    for (const auto& [name, value] : parameters) {
      request.body += "&" + name + "=" + engine::UriEncode(value, engine::Slash::kEncode);
    }
    engine::Sign(request, who, "us-east-1", service, now_);
    return Send(std::move(request));
  }
  std::string Assume(const AwsCredentials& who, Parameters more = {},
                     const std::string& role = kRole) {
    more.emplace_back("RoleArn", role);
    more.emplace_back("RoleSessionName", "night");
    return Call(who, "AssumeRole", more);
  }
  // Element is the text of the first element of a name; "" when there is none.
  static std::string Element(const std::string& xml, const std::string& name) {
    const size_t begin = xml.find("<" + name + ">");
    if (begin == std::string::npos) return "";
    const size_t from = begin + name.size() + 2;
    return xml.substr(from, xml.find("</" + name + ">", from) - from);
  }
  static std::string Code(const std::string& xml) { return Element(xml, "Code"); }
  static AwsCredentials Issued(const std::string& xml) {
    EXPECT_EQ(Code(xml), "") << xml;
    return {Element(xml, "AccessKeyId"), Element(xml, "SecretAccessKey"),
            Element(xml, "SessionToken")};
  }
  std::string WhoIs(const AwsCredentials& who) {
    const std::string xml = Call(who, "GetCallerIdentity");
    return Code(xml) + Element(xml, "Arn");
  }
  std::string AddDevice(const std::string& user_id) {
    IamMfaDevice device{.name = "phone", .seed = "12345678901234567890", .user_id = user_id};
    EXPECT_TRUE(store_->Iam().AddMfaDevice(device).ok());
    return device.SerialNumber();
  }
  std::string CodeNow() const {
    return OneTimeCode(engine::AsBytes(std::string_view("12345678901234567890")),
                       now_ / kCodeStepSeconds);
  }

  int64_t now_ = kNow;
  TemporaryFolder folder_;
  FakeDataPlane plane_;
  std::unique_ptr<SqliteStore> store_;
  Broker broker_;
  NodeCertificates certificates_;
  Api api_;
};

TEST_F(StsTest, WhoeverIsThereMayAskWhoItIs) {
  const std::string xml = Call(kBob, "GetCallerIdentity");
  EXPECT_EQ(Element(xml, "Arn"), kBobArn);
  EXPECT_EQ(Element(xml, "UserId"), "AIDAbob");
  EXPECT_EQ(Element(xml, "Account"), "000000000000");
}

TEST_F(StsTest, APresignedAddressAsksByGet) {
  engine::HttpRequest request;
  request.target = "/?Action=GetCallerIdentity&Version=2011-06-15";
  request.headers.Add("Host", "relay.test:443");
  engine::Presign(request, kBob, "us-east-1", "sts", now_, 900);
  EXPECT_EQ(Element(Send(request), "Arn"), kBobArn);
  request.target.replace(request.target.find("900"), 3, "901");
  EXPECT_EQ(Code(Send(request)), "SignatureDoesNotMatch");
}

TEST_F(StsTest, EachThingThatIsWrongWithASignatureHasItsCodeOfTheQueryProtocol) {
  EXPECT_EQ(WhoIs({"AKIAnobody", "secret", ""}), "InvalidClientTokenId");
  EXPECT_EQ(WhoIs({"AKIAbob", "wrong", ""}), "SignatureDoesNotMatch");
  EXPECT_EQ(WhoIs({"AKIAbob", "secret", "token"}), "InvalidClientTokenId");
  engine::HttpRequest request;
  request.target = "/?Action=GetCallerIdentity&Version=2011-06-15";
  request.headers.Add("Host", "relay.test:443");
  EXPECT_EQ(Code(Send(request)), "MissingAuthenticationToken");
  request.headers.Add("Authorization", "AWS4-HMAC-SHA256 Credential=x");
  EXPECT_EQ(Code(Send(request)), "IncompleteSignature");
}

TEST_F(StsTest, ARoleIsAssumedByWhomItTrustsAndByNobodyElse) {
  const std::string xml = Assume(kBob);
  EXPECT_EQ(WhoIs(Issued(xml)), "arn:aws:sts::000000000000:assumed-role/ops/night");
  EXPECT_EQ(Element(xml, "AssumedRoleId"), "AROAops:night");
  EXPECT_EQ(Element(xml, "Expiration"), engine::IsoDate(kNow + 3600));
  EXPECT_EQ(Code(Assume(kAdmin)), "AccessDenied");
  // The account is trusted: its policies decide, and bob has none.
  Trust(Trusting(kAccountRoot));
  EXPECT_EQ(Code(Assume(kBob)), "AccessDenied");
  EXPECT_EQ(Code(Assume(kAdmin)), "");
}

TEST_F(StsTest, ARoleThatIsNotThereIsDeniedInTheSameWay) {
  for (const char* role :
       {"arn:aws:iam::000000000000:role/none", "arn:aws:iam::000000000000:role/x/ops",
        "arn:aws:iam::111111111111:role/ops", "arn:aws:iam::000000000000:user/ops"}) {
    EXPECT_EQ(Code(Assume(kBob, {}, role)), "AccessDenied") << role;
  }
}

TEST_F(StsTest, TheExternalIdIsWhatTheTrustPolicyWants) {
  Trust(Trusting(kBobArn, R"(,"Condition":{"StringEquals":{"sts:ExternalId":"x-1"}})"));
  EXPECT_EQ(Code(Assume(kBob)), "AccessDenied");
  EXPECT_EQ(Code(Assume(kBob, {{"ExternalId", "x-2"}})), "AccessDenied");
  EXPECT_EQ(Code(Assume(kBob, {{"ExternalId", "x-1"}})), "");
}

TEST_F(StsTest, TagsAndASourceIdentityNeedTheirOwnPermission) {
  const Parameters tags = {{"Tags.member.1.Key", "team"}, {"Tags.member.1.Value", "db"}};
  EXPECT_EQ(Code(Assume(kBob, tags)), "AccessDenied");
  EXPECT_EQ(Code(Assume(kBob, {{"SourceIdentity", "robert"}})), "AccessDenied");
  Trust(Trusting(kBobArn, R"(,"Condition":{"StringLike":{"aws:RequestTag/team":"d*"}})",
                 R"("sts:AssumeRole","sts:TagSession")"));
  EXPECT_EQ(Code(Assume(kBob, tags)), "");
  EXPECT_EQ(Code(Assume(kBob, {tags[0], {"Tags.member.1.Value", "web"}})), "AccessDenied");
  Trust(Trusting(kBobArn, "", R"("sts:AssumeRole","sts:SetSourceIdentity")"));
  EXPECT_EQ(Element(Assume(kBob, {{"SourceIdentity", "robert"}}), "SourceIdentity"), "robert");
}

TEST_F(StsTest, ASessionLastsAQuarterOfAnHourToWhatTheRoleAllows) {
  const auto with = [&](const char* seconds) {
    return Code(Assume(kBob, {{"DurationSeconds", seconds}}));
  };
  EXPECT_EQ(with("899"), "ValidationError");
  EXPECT_EQ(with("900"), "");
  EXPECT_EQ(with("3601"), "ValidationError");
  EXPECT_EQ(with("43201"), "ValidationError");
  AddRole("long", Trusting(kBobArn), 43'200);
  EXPECT_EQ(
      Code(Assume(kBob, {{"DurationSeconds", "43200"}}, "arn:aws:iam::000000000000:role/long")),
      "");
}

TEST_F(StsTest, ARoleOfARoleLastsAnHourAndInheritsWhatIsPassedOn) {
  const std::string session = "arn:aws:sts::000000000000:assumed-role/ops/night";
  const std::string actions = R"("sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity")";
  Trust(Trusting(kBobArn, "", actions));
  AddRole("next",
          Trusting(session,
                   R"(,"Condition":{"StringEquals":{"aws:RequestTag/team":"db",)"
                   R"("sts:SourceIdentity":"robert"},"Null":{"aws:RequestTag/night":"true"}})",
                   actions),
          43'200);
  const AwsCredentials first = Issued(Assume(kBob, {{"Tags.member.1.Key", "team"},
                                                    {"Tags.member.1.Value", "db"},
                                                    {"Tags.member.2.Key", "night"},
                                                    {"Tags.member.2.Value", "y"},
                                                    {"TransitiveTagKeys.member.1", "team"},
                                                    {"SourceIdentity", "robert"}}));
  const std::string next = "arn:aws:iam::000000000000:role/next";
  EXPECT_EQ(WhoIs(Issued(Assume(first, {}, next))),
            "arn:aws:sts::000000000000:assumed-role/next/night");
  EXPECT_EQ(Code(Assume(first, {{"DurationSeconds", "3601"}}, next)), "ValidationError");
  EXPECT_EQ(Code(Assume(first, {{"SourceIdentity", "other"}}, next)), "ValidationError");
  EXPECT_EQ(
      Code(Assume(first, {{"Tags.member.1.Key", "team"}, {"Tags.member.1.Value", "web"}}, next)),
      "ValidationError");
}

TEST_F(StsTest, ASessionMayDoAtMostWhatItsPolicyAllows) {
  ASSERT_TRUE(store_->Iam().Attach("AROAops", "arn:aws:iam::aws:policy/AditAdmin").ok());
  const auto may_look_up = [&](const AwsCredentials& who) {
    return Code(Call(who, "GetAccessKeyInfo", {{"AccessKeyId", "ASIA0000000000000000"}}));
  };
  EXPECT_EQ(may_look_up(Issued(Assume(kBob))), "");
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:*","Resource":"*"}})";
  EXPECT_EQ(may_look_up(Issued(Assume(kBob, {{"Policy", policy}}))), "AccessDenied");
  EXPECT_EQ(Code(Assume(kBob, {{"Policy", "{}"}})), "MalformedPolicyDocument");
  EXPECT_EQ(may_look_up(Issued(Assume(
                kBob, {{"PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AditOperator"}}))),
            "AccessDenied");
}

TEST_F(StsTest, WhatDoesNotFitIntoATokenIsTooLarge) {
  Trust(Trusting(kBobArn, "", R"("sts:AssumeRole","sts:TagSession")"));
  Parameters tags;
  for (int i = 1; i <= 50; ++i) {
    tags.emplace_back("Tags.member." + std::to_string(i) + ".Key", "key" + std::to_string(i));
    tags.emplace_back("Tags.member." + std::to_string(i) + ".Value", std::string(200, 'v'));
  }
  EXPECT_EQ(Code(Assume(kBob, tags)), "PackedPolicyTooLarge");
}

TEST_F(StsTest, ASessionEndsWithItsTimeAndWithItsRole) {
  const AwsCredentials issued = Issued(Assume(kBob, {{"DurationSeconds", "900"}}));
  now_ += 899;
  EXPECT_EQ(WhoIs(issued), "arn:aws:sts::000000000000:assumed-role/ops/night");
  now_ += 1;
  EXPECT_EQ(WhoIs(issued), "ExpiredToken");
  const AwsCredentials other = Issued(Assume(kBob));
  ASSERT_TRUE(store_->Iam().DeleteEntity("AROAops").ok());
  EXPECT_EQ(WhoIs(other), "InvalidClientTokenId");
}

TEST_F(StsTest, AUsersOwnSessionIsTheUserAndCannotMakeAnother) {
  const AwsCredentials issued = Issued(Call(kBob, "GetSessionToken"));
  EXPECT_EQ(WhoIs(issued), kBobArn);
  EXPECT_EQ(Code(Call(issued, "GetSessionToken")), "AccessDenied");
  EXPECT_EQ(Code(Call(kBob, "GetSessionToken", {{"DurationSeconds", "129601"}})),
            "ValidationError");
}

TEST_F(StsTest, ACodeOpensWhatWantsOneAndWorksOnce) {
  Trust(Trusting(kBobArn, R"(,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}})"));
  const std::string serial = AddDevice("AIDAbob");
  EXPECT_EQ(Code(Assume(kBob)), "AccessDenied");
  EXPECT_EQ(Code(Assume(Issued(Call(kBob, "GetSessionToken")))), "AccessDenied");
  const Parameters code = {{"SerialNumber", serial}, {"TokenCode", CodeNow()}};
  EXPECT_EQ(Code(Assume(kBob, code)), "");
  EXPECT_EQ(Element(Assume(kBob, code), "Message"),
            "MultiFactorAuthentication failed with invalid MFA one time pass code.");
  now_ += 30;
  const AwsCredentials session =
      Issued(Call(kBob, "GetSessionToken", {{"SerialNumber", serial}, {"TokenCode", CodeNow()}}));
  EXPECT_EQ(Code(Assume(session)), "");
}

TEST_F(StsTest, AUsersOwnSessionCallsIamOnlyIfItWasAskedForWithACode) {
  ASSERT_TRUE(store_->Iam().Attach("AIDAbob", "arn:aws:iam::aws:policy/AditAdmin").ok());
  const auto list = [this](const AwsCredentials& who) {
    return Code(Call(who, "ListUsers", {}, "iam", "2010-05-08"));
  };
  EXPECT_EQ(list(kBob), "");
  EXPECT_EQ(list(Issued(Call(kBob, "GetSessionToken"))), "InvalidClientTokenId");
  const std::string serial = AddDevice("AIDAbob");
  const AwsCredentials with_code =
      Issued(Call(kBob, "GetSessionToken", {{"SerialNumber", serial}, {"TokenCode", CodeNow()}}));
  EXPECT_EQ(list(with_code), "");
  EXPECT_EQ(Code(Call(with_code, "GetAccessKeyInfo", {{"AccessKeyId", "ASIA000000000000"}})),
            "InvalidClientTokenId");
  EXPECT_EQ(Code(Assume(with_code)), "");
}

TEST_F(StsTest, AnAgeOfTheCodeIsComparedFromWhenTheSessionWasMade) {
  Trust(Trusting(kBobArn, R"(,"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":"60"}})"));
  const std::string serial = AddDevice("AIDAbob");
  EXPECT_EQ(Code(Assume(kBob)), "AccessDenied") << "a permanent key has no age";
  const AwsCredentials session =
      Issued(Call(kBob, "GetSessionToken", {{"SerialNumber", serial}, {"TokenCode", CodeNow()}}));
  now_ += 59;
  EXPECT_EQ(Code(Assume(session)), "");
  now_ += 1;
  EXPECT_EQ(Code(Assume(session)), "AccessDenied");
}

TEST_F(StsTest, ARoleThatIsNotThereIsRefusedAsOneThatTrustsNobodyIs) {
  Trust(Trusting("arn:aws:iam::000000000000:user/other"));
  const std::string there = Element(Assume(kBob), "Message");
  EXPECT_THAT(there, testing::HasSubstr("on resource: " + std::string(kRole) + " because"));
  ASSERT_TRUE(store_->Iam().DeleteEntity("AROAops").ok());
  EXPECT_EQ(Element(Assume(kBob), "Message"), there);
  EXPECT_EQ(Code(Assume(kBob)), "AccessDenied");
}

TEST_F(StsTest, SomebodyElsesDeviceProvesNothing) {
  const std::string serial = AddDevice("AIDAadmin");
  EXPECT_EQ(
      Code(Call(kBob, "GetSessionToken", {{"SerialNumber", serial}, {"TokenCode", CodeNow()}})),
      "AccessDenied");
}

TEST_F(StsTest, NoSecretIsInTheAudit) {
  const AwsCredentials issued = Issued(Assume(kBob));
  const std::string serial = AddDevice("AIDAbob");
  const std::string code = CodeNow();
  Issued(Call(kBob, "GetSessionToken", {{"SerialNumber", serial}, {"TokenCode", code}}));
  size_t records = 0;
  for (const AuditEvent& event : Must(store_->ListAudit(0, 100))) {
    ++records;
    EXPECT_EQ(event.record.find(issued.secret), std::string::npos);
    EXPECT_EQ(event.record.find(issued.session_token), std::string::npos);
    EXPECT_EQ(event.record.find("\"" + code + "\""), std::string::npos);
  }
  EXPECT_EQ(records, 2u);
}

TEST_F(StsTest, ACopiedRequestIsRefusedAndTheAuditNamesBothAddresses) {
  engine::HttpRequest request;
  request.method = "POST";
  request.headers.Add("Host", "relay.test:443");
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  request.body = "Action=GetCallerIdentity&Version=2011-06-15";
  engine::Sign(request, kBob, "us-east-1", "sts", now_);
  EXPECT_EQ(Code(Send(request)), "");
  std::string answer;
  api_.Handle(request, "198.51.100.9", now_ * 1000,
              [&answer](engine::HttpResponse response) { answer = response.body; });
  EXPECT_EQ(Code(answer), "SignatureDoesNotMatch");
  const std::string record = Must(store_->ListAudit(0, 100)).back().record;
  EXPECT_NE(record.find("198.51.100.9"), std::string::npos);
  EXPECT_NE(record.find("192.0.2.7"), std::string::npos);
  EXPECT_NE(record.find("AKIAbob"), std::string::npos);
}

}  // namespace
}  // namespace relay
