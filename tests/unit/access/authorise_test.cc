// Goal: what a principal's policies say is what happens, by every way a policy reaches it, from the
// moment it changes; and a session ends when its permission does.
// Method: principals and policies in a real store, and a clock of the test's own.

#include "relay/access/authorise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/access/resource_arn.h"
#include "relay/access/session_watch.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay {
namespace {

using engine::test::Must;
using testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
constexpr char kNode[] = "mi-0123456789abcdef0";
constexpr char kAllowStart[] =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:StartSession",)"
    R"("Resource":"*"}})";

std::string Policy(const std::string& effect, const std::string& action,
                   const std::string& resource, const std::string& condition = "{}") {
  return R"({"Version":"2012-10-17","Statement":{"Sid":"S","Effect":")" + effect +
         R"(","Action":")" + action + R"(","Resource":")" + resource + R"(","Condition":)" +
         condition + "}}";
}

class AuthoriseTest : public testing::Test {
 protected:
  AuthoriseTest() {
    Add(IamKind::kUser, "alice");
    Add(IamKind::kGroup, "ops");
    Add(IamKind::kRole, "deploy");
    EXPECT_TRUE(
        store->AddAccessKey({.id = "AKIAalice", .user_id = "id-alice", .secret = "s"}).ok());
  }
  void Add(IamKind kind, const std::string& name) {
    EXPECT_TRUE(iam().AddEntity({.kind = kind, .id = "id-" + name, .name = name}).ok());
  }
  void Inline(const std::string& name, const std::string& document) {
    EXPECT_TRUE(iam().PutInlinePolicy("id-" + name, {"inline", document}).ok());
  }
  IamStore& iam() { return store->Iam(); }

  static AccessCase Start(const std::string& document = "SSM-SessionManagerRunShell") {
    AccessCase asked;
    asked.caller = {.access_key_id = "AKIAalice",
                    .user_name = "alice",
                    .principal = "arn:aws:iam::000000000000:user/alice",
                    .entity_id = "id-alice",
                    .region = "eu-1",
                    .temporary = {}};
    asked.source_ip = "192.0.2.7";
    asked.asked_unix_ms = kNow;
    asked.question.action = "ssm:StartSession";
    asked.question.resources = {{NodeArn(kNode), NodeArn(kNode), {}},
                                {DocumentArn(document), DocumentArn(document), {}}};
    return asked;
  }
  static AccessCase ByRole(std::vector<std::string> session_policies = {}) {
    AccessCase asked = Start();
    asked.caller.access_key_id = "ASIArole";
    asked.caller.entity_id = "id-deploy";
    asked.caller.principal = "arn:aws:sts::000000000000:assumed-role/deploy/ci";
    asked.caller.temporary = TemporarySession{.role_arn = "arn:aws:iam::000000000000:role/deploy",
                                              .name = "ci",
                                              .issued_unix_ms = kNow - 60'000,
                                              .mfa_unix_ms = {},
                                              .policies = std::move(session_policies),
                                              .policy_arns = {},
                                              .tags = {{"team", "web"}},
                                              .source_identity = {}};
    return asked;
  }
  // Check returns "" when it is allowed, or the message.
  std::string Check(AccessCase asked, int64_t now = kNow) {
    EXPECT_TRUE(authoriser.ReadTags(asked.question).ok());
    const std::optional<ApiError> error = authoriser.Check(asked, now);
    if (!error.has_value()) return "";
    EXPECT_EQ(error->code, "AccessDeniedException");
    return error->message;
  }

  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store =
      Must(SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{}));
  Authoriser authoriser{*store};
};

TEST_F(AuthoriseTest, NothingIsAllowedByItself) {
  EXPECT_EQ(Check(Start()),
            "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: "
            "ssm:StartSession on resource: arn:aws:ssm:adit:000000000000:managed-instance/" +
                std::string(kNode) +
                " because no identity-based policy allows the ssm:StartSession action");
}

TEST_F(AuthoriseTest, APolicyReachesAUserByEachWayAndCountsFromItsChange) {
  EXPECT_NE(Check(Start()), "");
  Inline("alice", kAllowStart);
  EXPECT_EQ(Check(Start()), "");
  ASSERT_TRUE(iam().DeleteInlinePolicy("id-alice", "inline").ok());
  EXPECT_NE(Check(Start()), "");

  Inline("ops", kAllowStart);
  EXPECT_NE(Check(Start()), "");
  ASSERT_TRUE(iam().AddMember("id-ops", "id-alice").ok());
  EXPECT_EQ(Check(Start()), "");
  ASSERT_TRUE(iam().DeleteInlinePolicy("id-ops", "inline").ok());
  EXPECT_NE(Check(Start()), "");

  const IamPolicy managed = {.id = "ANPA1", .name = "p"};
  ASSERT_TRUE(iam().AddPolicy(managed, kAllowStart).ok());
  ASSERT_TRUE(iam().Attach("id-ops", managed.Arn()).ok());
  EXPECT_EQ(Check(Start()), "");
  const std::string other = Policy("Allow", "ssm:GetDocument", "*");
  ASSERT_TRUE(
      iam().AddPolicyVersion(managed.Arn(), {2, other, kNow}, IamStore::Default::kThis).ok());
  EXPECT_NE(Check(Start()), "");
  ASSERT_TRUE(iam().SetDefaultVersion(managed.Arn(), 1, kNow).ok());
  EXPECT_EQ(Check(Start()), "");
  ASSERT_TRUE(iam().Detach("id-ops", managed.Arn()).ok());
  ASSERT_TRUE(iam().Attach("id-alice", "arn:aws:iam::aws:policy/AditOperator").ok());
  EXPECT_EQ(Check(Start()), "");
}

TEST_F(AuthoriseTest, AValueIsNamedByAnAllowThatDemandsItAndByNothingElse) {
  AccessCase asked = Start();
  asked.question.keys = {{"adit:RemoteHost", {"169.254.1.1"}}};
  const auto named = [&] { return Must(authoriser.Names(asked, "adit:RemoteHost", kNow)); };
  const auto write = [&](const std::string& effect, const std::string& condition) {
    Inline("alice", Policy(effect, "ssm:StartSession", "*", condition));
  };
  EXPECT_FALSE(named());
  ASSERT_TRUE(iam().Attach("id-alice", "arn:aws:iam::aws:policy/AditAdmin").ok());
  EXPECT_FALSE(named()) << "who may do everything has named nothing";
  write("Allow", R"({"StringLike":{"adit:RemoteHost":"169.254.*"}})");
  EXPECT_FALSE(named()) << "a pattern names nothing";
  write("Allow", R"({"StringNotEquals":{"adit:RemoteHost":"db"}})");
  EXPECT_FALSE(named());
  write("Allow", R"({"StringEqualsIfExists":{"adit:RemoteHost":"169.254.1.1"}})");
  EXPECT_FALSE(named());
  write("Deny", R"({"StringEquals":{"adit:RemoteHost":"169.254.1.1"}})");
  EXPECT_FALSE(named());
  write("Allow", R"({"StringEquals":{"adit:RemoteHost":"169.254.1.2"}})");
  EXPECT_FALSE(named());
  write("Allow", R"({"StringEquals":{"adit:RemoteHost":["db","169.254.1.1"]}})");
  EXPECT_TRUE(named());
  asked.question.named_key = "adit:RemoteHost";
  EXPECT_EQ(Check(asked), "");
  write(
      "Allow",
      R"({"StringEquals":{"adit:RemoteHost":"169.254.1.1"},"Bool":{"aws:SecureTransport":"false"}})");
  EXPECT_FALSE(named()) << "the statement does not speak about this request";
  EXPECT_THAT(Check(asked), HasSubstr("because no statement names its adit:RemoteHost"));
}

TEST_F(AuthoriseTest, APolicyMadeAnewUnderTheSameNameIsNotTheOldOne) {
  const IamPolicy managed = {.id = "ANPA1", .name = "p"};
  ASSERT_TRUE(iam().AddPolicy(managed, kAllowStart).ok());
  ASSERT_TRUE(iam().Attach("id-alice", managed.Arn()).ok());
  EXPECT_EQ(Check(Start()), "");
  ASSERT_TRUE(iam().DeletePolicy(managed.Arn()).ok());
  const IamPolicy anew = {.id = "ANPA2", .name = "p"};
  ASSERT_TRUE(iam().AddPolicy(anew, Policy("Deny", "*", "*")).ok());
  EXPECT_THAT(Check(Start()), HasSubstr("explicit deny in an identity-based policy "
                                        "(arn:aws:iam::000000000000:policy/p, statement 1, Sid"));
}

TEST_F(AuthoriseTest, NodeAndDocumentMustBothBeAllowed) {
  Inline("alice", Policy("Allow", "ssm:StartSession", "arn:aws:ssm:*:*:managed-instance/*"));
  EXPECT_THAT(Check(Start()), HasSubstr(":document/SSM-SessionManagerRunShell because no"));
  Inline("ops", Policy("Allow", "ssm:StartSession", "arn:aws:ssm:*:*:document/AWS-*"));
  ASSERT_TRUE(iam().AddMember("id-ops", "id-alice").ok());
  EXPECT_EQ(Check(Start("AWS-StartPortForwardingSession")), "");
  EXPECT_NE(Check(Start()), "");
}

TEST_F(AuthoriseTest, TagsOfPrincipalAndNodeAreKeys) {
  Inline("alice", Policy("Allow", "ssm:StartSession", "*",
                         R"({"StringEquals":{"aws:PrincipalTag/team":"db"}})"));
  EXPECT_NE(Check(Start()), "");
  ASSERT_TRUE(iam().PutTag("id-alice", {"team", "db"}).ok());
  EXPECT_EQ(Check(Start()), "");
  Inline(
      "alice",
      R"({"Version":"2012-10-17","Statement":[)"
      R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":"arn:aws:ssm:*:*:document/*"},)"
      R"({"Effect":"Allow","Action":"ssm:StartSession","Resource":"arn:aws:ssm:*:*:managed-instance/*",)"
      R"("Condition":{"StringEquals":{"ssm:resourceTag/env":"dev","aws:ResourceTag/env":"dev",)"
      R"("aws:SourceIp":"192.0.2.7"}}}]})");
  ASSERT_TRUE(iam().PutTag(NodeArn(kNode), {"env", "prod"}).ok());
  EXPECT_NE(Check(Start()), "");
  ASSERT_TRUE(iam().PutTag(NodeArn(kNode), {"env", "dev"}).ok());
  EXPECT_EQ(Check(Start()), "");
}

TEST_F(AuthoriseTest, GlobalKeysSayWhatHoldsForEveryRequest) {
  for (const char* condition :
       {R"({"DateEquals":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}})",
        R"({"NumericEquals":{"aws:EpochTime":"1700000000"}})",
        R"({"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}})",
        R"({"Bool":{"aws:SecureTransport":"true"}})", R"({"Bool":{"aws:ViaAWSService":"false"}})",
        R"({"Bool":{"aws:PrincipalIsAWSService":"false"}})",
        R"({"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::000000000000:user/alice"}})",
        R"({"StringEquals":{"aws:PrincipalAccount":"000000000000"}})",
        R"({"StringEquals":{"aws:PrincipalType":"User"}})",
        R"({"StringEquals":{"aws:ResourceAccount":"000000000000"}})",
        R"({"StringEquals":{"aws:RequestedRegion":"eu-1"}})",
        R"({"StringEquals":{"aws:userid":"id-alice"}})",
        R"({"StringEquals":{"aws:username":"alice"}})",
        R"({"StringLike":{"aws:UserAgent":"adit/*"}})"}) {
    AccessCase asked = Start();
    asked.user_agent = "adit/1";
    Inline("alice", Policy("Allow", "ssm:StartSession", "*", condition));
    EXPECT_EQ(Check(asked), "") << condition;
  }
  Inline("alice", Policy("Allow", "ssm:StartSession", "*",
                         R"({"StringEquals":{"aws:ResourceAccount":"000000000000"}})"));
  EXPECT_NE(Check(Start("AWS-StartSSHSession")), "") << "AWS's documents are of no account here";
}

TEST_F(AuthoriseTest, ABoundaryAndSessionPoliciesLimitWhatIsAllowed) {
  Inline("alice", kAllowStart);
  const IamPolicy narrow = {.id = "ANPA1", .name = "narrow"};
  ASSERT_TRUE(iam().AddPolicy(narrow, Policy("Allow", "ssm:Get*", "*")).ok());
  IamEntity alice = Must(iam().FindEntityById("id-alice"));
  alice.boundary_arn = narrow.Arn();
  ASSERT_TRUE(iam().UpdateEntity(alice).ok());
  EXPECT_THAT(Check(Start()), HasSubstr("because no permissions boundary allows"));

  Inline("deploy", kAllowStart);
  EXPECT_EQ(Check(ByRole()), "");
  EXPECT_EQ(Check(ByRole({kAllowStart})), "");
  AccessCase narrowed = ByRole({Policy("Allow", "ssm:Get*", "*")});
  narrowed.caller.access_key_id = "ASIAother";
  EXPECT_THAT(Check(narrowed), HasSubstr("because no session policy allows"));
}

TEST_F(AuthoriseTest, ARoleSessionHasItsOwnKeys) {
  Inline("deploy",
         Policy("Allow", "ssm:StartSession", "*",
                R"({"StringEquals":{"aws:userid":"id-deploy:ci","aws:PrincipalTag/team":"web",)"
                R"("aws:PrincipalArn":"arn:aws:iam::000000000000:role/deploy"},)"
                R"("Null":{"aws:username":"true"},)"
                R"("DateGreaterThan":{"aws:TokenIssueTime":"2023-11-14T22:12:00Z"}})"));
  EXPECT_EQ(Check(ByRole()), "");
  AccessCase older = ByRole();
  older.caller.temporary->issued_unix_ms -= 3'600'000;
  EXPECT_NE(Check(older), "");
}

TEST_F(AuthoriseTest, ATrustPolicyMustAllowThatARoleIsAssumed) {
  Inline("alice", Policy("Allow", "sts:AssumeRole", "*"));
  AccessCase asked = Start();
  asked.question = {.action = "sts:AssumeRole",
                    .resources = {{"arn:aws:iam::000000000000:role/deploy", "", {}}},
                    .keys = {},
                    .trust_role_id = "id-deploy"};
  IamEntity role = Must(iam().FindEntityById("id-deploy"));
  role.trust_policy =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",)"
      R"("Principal":{"AWS":"arn:aws:iam::000000000000:user/bob"}}})";
  ASSERT_TRUE(iam().UpdateEntity(role).ok());
  EXPECT_NE(Check(asked), "");
  role.trust_policy.replace(role.trust_policy.find("bob"), 3, "alice");
  ASSERT_TRUE(iam().UpdateEntity(role).ok());
  EXPECT_EQ(Check(asked), "");
}

TEST_F(AuthoriseTest, WhoIsGoneMayNothing) {
  AccessCase asked = Start();
  asked.caller.entity_id = "id-nobody";
  EXPECT_THAT(Check(asked), HasSubstr("does not exist any more"));
}

class SessionWatchTest : public AuthoriseTest {
 protected:
  SessionWatchTest() { Inline("alice", kAllowStart); }
  // Tick returns why session s ends, or "".
  std::string Tick(int64_t now) {
    std::string why;
    watch.Tick(
        now, [this](std::string_view) { return is_live; },
        [&why](std::string_view id, std::string_view reason) {
          EXPECT_EQ(id, "s");
          why = reason;
        });
    return why;
  }
  bool is_live = true;
  SessionWatch watch{*store, authoriser};
};

TEST_F(SessionWatchTest, ASessionEndsWhenItsPolicyGoes) {
  watch.Watch("s", Start());
  EXPECT_EQ(Tick(kNow), "");
  ASSERT_TRUE(iam().DeleteInlinePolicy("id-alice", "inline").ok());
  EXPECT_EQ(Tick(kNow + 999), "");
  EXPECT_THAT(Tick(kNow + 1000), HasSubstr("because no identity-based policy allows"));
}

TEST_F(SessionWatchTest, ASessionEndsWithItsKeyOrItsUser) {
  watch.Watch("s", Start());
  ASSERT_TRUE(iam().SetAccessKeyActive("AKIAalice", false).ok());
  EXPECT_THAT(Tick(kNow), HasSubstr("The access key was deactivated."));
  ASSERT_TRUE(iam().DeleteAccessKey("AKIAalice").ok());
  EXPECT_THAT(Tick(kNow + 1000), HasSubstr("The access key was deleted."));
  AccessCase asked = ByRole();
  Inline("deploy", kAllowStart);
  watch.Watch("s", asked);
  EXPECT_EQ(Tick(kNow + 2000), "");
  ASSERT_TRUE(iam().DeleteInlinePolicy("id-deploy", "inline").ok());
  ASSERT_TRUE(iam().DeleteEntity("id-deploy").ok());
  EXPECT_THAT(Tick(kNow + 3000), HasSubstr("The user or role was deleted."));
}

TEST_F(SessionWatchTest, ASessionEndsWithTheKeyBehindItsTemporaryCredentials) {
  AccessCase asked = Start();
  asked.caller.access_key_id = "ASIAalice";
  asked.caller.temporary = TemporarySession{.issuer_key_id = "AKIAalice"};
  watch.Watch("s", asked);
  EXPECT_EQ(Tick(kNow), "");
  ASSERT_TRUE(iam().SetAccessKeyActive("AKIAalice", false).ok());
  EXPECT_THAT(Tick(kNow + 1000), HasSubstr("The access key was deactivated."));
}

TEST_F(SessionWatchTest, ASessionEndsWhenTheSessionsOfItsRoleAreRevoked) {
  Inline("deploy", kAllowStart);
  watch.Watch("s", ByRole());
  EXPECT_EQ(Tick(kNow), "");
  // As AWS's console revokes them.
  const auto revoke = [this](const std::string& before) {
    ASSERT_TRUE(iam()
                    .PutInlinePolicy(
                        "id-deploy",
                        {"AWSRevokeOlderSessions",
                         Policy("Deny", "*", "*",
                                R"({"DateLessThan":{"aws:TokenIssueTime":")" + before + R"("}})")})
                    .ok());
  };
  revoke("2023-11-14T22:12:19Z");
  EXPECT_EQ(Tick(kNow + 1000), "") << "it is younger";
  revoke("2023-11-14T22:13:20Z");
  EXPECT_THAT(Tick(kNow + 2000), HasSubstr("with an explicit deny"));
}

TEST_F(SessionWatchTest, TheEndOfTemporaryCredentialsEndsNoSession) {
  Inline("deploy", Policy("Allow", "ssm:StartSession", "*",
                          R"({"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}})"));
  watch.Watch("s", ByRole());
  for (int hours = 0; hours < 48; ++hours) EXPECT_EQ(Tick(kNow + hours * 3'600'000LL), "");
}

TEST_F(SessionWatchTest, ASessionEndsWhenItsHourIsOver) {
  Inline("alice", Policy("Allow", "ssm:StartSession", "*",
                         R"({"DateLessThan":{"aws:CurrentTime":"2023-11-14T22:13:25Z"}})"));
  watch.Watch("s", Start());
  EXPECT_EQ(Tick(kNow), "");
  EXPECT_EQ(Tick(kNow + 4000), "");
  EXPECT_THAT(Tick(kNow + 5000), HasSubstr("not authorized to perform: ssm:StartSession"));
}

TEST_F(SessionWatchTest, ASessionEndsWhenItsNodeIsTaggedOtherwise) {
  Inline("alice", Policy("Deny", "ssm:StartSession", "*",
                         R"({"StringEquals":{"ssm:resourceTag/env":"prod"}})"));
  Inline("ops", kAllowStart);
  ASSERT_TRUE(iam().AddMember("id-ops", "id-alice").ok());
  watch.Watch("s", Start());
  EXPECT_EQ(Tick(kNow), "");
  ASSERT_TRUE(iam().PutTag(NodeArn(kNode), {"env", "prod"}).ok());
  EXPECT_THAT(Tick(kNow + 1000), HasSubstr("with an explicit deny"));
}

TEST_F(SessionWatchTest, WhatIsOverIsForgottenAndWhatWasTakenBackIsNeverWatched) {
  watch.Watch("s", Start());
  EXPECT_EQ(watch.count(), 1U);
  is_live = false;
  EXPECT_EQ(Tick(kNow), "");
  EXPECT_EQ(watch.count(), 0U);
  ASSERT_TRUE(store->Begin().ok());
  watch.Watch("s", Start());
  store->Rollback();
  EXPECT_EQ(watch.count(), 0U);
}

TEST_F(SessionWatchTest, AClockThatIsSetBackDoesNotStopIt) {
  watch.Watch("s", Start());
  EXPECT_EQ(Tick(kNow), "");
  ASSERT_TRUE(iam().DeleteInlinePolicy("id-alice", "inline").ok());
  EXPECT_NE(Tick(kNow - 86'400'000), "");
}

}  // namespace
}  // namespace relay
