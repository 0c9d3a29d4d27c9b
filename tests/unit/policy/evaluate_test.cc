// Goal: the layers decide together as AWS documents, and say what decided. Method: one request, and
// each combination of what the layers say; the same from the documentation of resource policies.

#include "relay/policy/evaluate.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/allocation_counter.h"

namespace relay::policy {
namespace {

constexpr const char* kNode = "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-1";
constexpr RequestPrincipal kAlice{.arn = "arn:aws:iam::123456789012:user/alice",
                                  .account = "123456789012"};
constexpr RequestPrincipal kShift{.arn = "arn:aws:sts::123456789012:assumed-role/Ops/shift",
                                  .account = "123456789012",
                                  .role_arn = "arn:aws:iam::123456789012:role/Ops"};

std::unique_ptr<PolicySet> MakeSet(const std::string& name, const std::string& statements,
                                   DocumentKind kind = DocumentKind::kIdentity) {
  auto document =
      PolicyDocument::Parse(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}", kind);
  EXPECT_TRUE(document.ok()) << document.status();
  std::vector<AttachedPolicy> policies;
  policies.push_back({name, std::make_shared<const PolicyDocument>(
                                document.ok() ? *std::move(document) : PolicyDocument())});
  return std::make_unique<PolicySet>(std::move(policies));
}

const std::string kAllow = R"({"Sid":"Yes","Effect":"Allow","Action":"ssm:*","Resource":"*"})";
const std::string kOther = R"({"Effect":"Allow","Action":"iam:*","Resource":"*"})";
const std::string kDeny = R"({"Effect":"Deny","Action":"ssm:Start*","Resource":"*"})";

class EvaluateTest : public testing::Test {
 protected:
  // Text is the decision on ssm:StartSession, in words.
  std::string Text(const Policies& policies, const RequestPrincipal& who = kAlice) {
    const Request request("ssm:StartSession", kNode, context_, who);
    return Explain(Evaluate(policies, request), request);
  }
  Verdict Decide(const Policies& policies, const RequestPrincipal& who = kAlice) {
    return Evaluate(policies, Request("ssm:StartSession", kNode, context_, who)).verdict;
  }
  // ByResource is the verdict with a resource policy whose Allow names this principal.
  Verdict ByResource(const std::string& principal, Policies policies, const RequestPrincipal& who) {
    const auto resource = MakeSet(
        "resource",
        R"({"Effect":"Allow","Action":"ssm:*","Resource":"*","Principal":)" + principal + "}",
        DocumentKind::kResource);
    policies.resource = resource.get();
    return Decide(policies, who);
  }
  Verdict ByTrust(const std::string& statements, Policies policies,
                  const RequestPrincipal& who = kAlice) {
    const auto trust = MakeSet("trust", statements, DocumentKind::kTrust);
    policies.trust = trust.get();
    const Request request("sts:AssumeRole", "arn:aws:iam::123456789012:role/Ops", context_, who);
    return Evaluate(policies, request).verdict;
  }

  RequestContext context_;
  const std::unique_ptr<PolicySet> allow_ = MakeSet("allow", kAllow);
  const std::unique_ptr<PolicySet> other_ = MakeSet("other", kOther);
  const std::unique_ptr<PolicySet> deny_ = MakeSet("deny", kAllow + "," + kDeny);
  const std::unique_ptr<PolicySet> sts_ =
      MakeSet("sts", R"({"Effect":"Allow","Action":"sts:*","Resource":"*"})");
};

constexpr Verdict kYes = Verdict::kAllowed;
constexpr Verdict kNo = Verdict::kImplicitDeny;

TEST_F(EvaluateTest, NothingAllowsNothing) {
  EXPECT_EQ(Text({}), "because no identity-based policy allows the ssm:StartSession action");
  EXPECT_EQ(Text({.identity = other_.get()}),
            "because no identity-based policy allows the ssm:StartSession action");
}

TEST_F(EvaluateTest, AnIdentityPolicyAllows) {
  EXPECT_EQ(Text({.identity = allow_.get()}),
            "allowed by an identity-based policy (allow, statement 1, Sid \"Yes\")");
}

TEST_F(EvaluateTest, AnExplicitDenyWinsInEveryLayer) {
  EXPECT_EQ(Text({.identity = deny_.get()}),
            "with an explicit deny in an identity-based policy (deny, statement 2)");
  EXPECT_EQ(Text({.identity = allow_.get(), .boundary = deny_.get()}),
            "with an explicit deny in a permissions boundary (deny, statement 2)");
  EXPECT_EQ(Text({.identity = allow_.get(), .session = deny_.get()}),
            "with an explicit deny in a session policy (deny, statement 2)");
  const auto resource = MakeSet(
      "r", R"({"Effect":"Deny","Action":"*","Resource":"*","Principal":{"AWS":"123456789012"}})",
      DocumentKind::kResource);
  EXPECT_EQ(Text({.identity = allow_.get(), .resource = resource.get()}),
            "with an explicit deny in a resource-based policy (r, statement 1)");
}

TEST_F(EvaluateTest, BoundaryAndSessionLimitWhatIdentityAllows) {
  EXPECT_EQ(Decide({.identity = allow_.get(), .boundary = allow_.get(), .session = allow_.get()}),
            kYes);
  EXPECT_EQ(Text({.identity = allow_.get(), .boundary = other_.get()}),
            "because no permissions boundary allows the ssm:StartSession action");
  EXPECT_EQ(Text({.identity = allow_.get(), .boundary = allow_.get(), .session = other_.get()}),
            "because no session policy allows the ssm:StartSession action");
  EXPECT_EQ(Decide({.identity = other_.get(), .boundary = allow_.get(), .session = allow_.get()}),
            kNo)
      << "neither of them gives anything";
}

TEST_F(EvaluateTest, AResourcePolicyAllowsAUserByNameWhateverTheOthersDoNotAllow) {
  const std::string alice = R"({"AWS":"arn:aws:iam::123456789012:user/alice"})";
  EXPECT_EQ(ByResource(alice, {}, kAlice), kYes);
  EXPECT_EQ(ByResource(alice, {.boundary = other_.get()}, kAlice), kYes);
  EXPECT_EQ(ByResource(alice, {.identity = deny_.get()}, kAlice), Verdict::kExplicitDeny);
  EXPECT_EQ(ByResource(R"({"AWS":"arn:aws:iam::123456789012:user/bob"})", {}, kAlice), kNo);
}

TEST_F(EvaluateTest, AResourcePolicyForTheAccountLeavesItToIdentityPolicies) {
  const std::string account = R"({"AWS":"arn:aws:iam::123456789012:root"})";
  EXPECT_EQ(ByResource(account, {}, kAlice), kNo);
  EXPECT_EQ(ByResource(account, {.identity = allow_.get()}, kAlice), kYes);
  EXPECT_EQ(ByResource(account, {.identity = allow_.get(), .boundary = other_.get()}, kAlice), kNo);
}

TEST_F(EvaluateTest, AResourcePolicyForTheRoleIsLimitedByBoundaryAndSession) {
  const std::string role = R"({"AWS":"arn:aws:iam::123456789012:role/Ops"})";
  EXPECT_EQ(ByResource(role, {}, kShift), kYes);
  EXPECT_EQ(ByResource(role, {.boundary = other_.get()}, kShift), kNo);
  EXPECT_EQ(ByResource(role, {.session = other_.get()}, kShift), kNo);
  EXPECT_EQ(ByResource(role, {.boundary = allow_.get(), .session = allow_.get()}, kShift), kYes);
}

// "The permissions from the resource-based policy are added after the session is created."
TEST_F(EvaluateTest, AResourcePolicyForTheSessionItselfIsNotLimited) {
  const std::string session = R"({"AWS":"arn:aws:sts::123456789012:assumed-role/Ops/shift"})";
  EXPECT_EQ(ByResource(session, {.boundary = other_.get(), .session = other_.get()}, kShift), kYes);
}

TEST_F(EvaluateTest, AResourcePolicyForEverybodyIsLimitedByTheSession) {
  EXPECT_EQ(ByResource("\"*\"", {}, kAlice), kYes);
  EXPECT_EQ(ByResource("\"*\"", {.boundary = other_.get()}, kAlice), kYes);
  EXPECT_EQ(ByResource("\"*\"", {.session = other_.get()}, kShift), kNo);
}

TEST_F(EvaluateTest, ATrustPolicyMustAllow) {
  const std::string alice =
      R"({"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"}})";
  const std::string account =
      R"({"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}})";
  EXPECT_EQ(ByTrust(alice, {}), kYes);
  EXPECT_EQ(ByTrust(account, {}), kNo);
  EXPECT_EQ(ByTrust(account, {.identity = sts_.get()}), kYes);
  EXPECT_EQ(ByTrust(alice, {.identity = sts_.get()}, kShift), kNo);
  const std::string other = R"({"Effect":"Allow","Action":"sts:TagSession","Principal":"*"})";
  EXPECT_EQ(ByTrust(other, {.identity = sts_.get()}), kNo);
  const auto trust = MakeSet("trust", other, DocumentKind::kTrust);
  const Request request("sts:AssumeRole", "arn:aws:iam::123456789012:role/Ops", context_, kAlice);
  EXPECT_EQ(Explain(Evaluate({.identity = sts_.get(), .trust = trust.get()}, request), request),
            "because no role trust policy allows the sts:AssumeRole action");
}

TEST_F(EvaluateTest, ATrustPolicysConditionsAreAsked) {
  const std::string partner = R"({"Effect":"Allow","Action":"sts:AssumeRole",
      "Principal":{"AWS":"123456789012"},"Condition":{"StringEquals":{"sts:ExternalId":"e-1"}}})";
  EXPECT_EQ(ByTrust(partner, {.identity = sts_.get()}), kNo);
  context_.Add("sts:ExternalId", "e-1");
  EXPECT_EQ(ByTrust(partner, {.identity = sts_.get()}), kYes);
}

TEST_F(EvaluateTest, NotPrincipalSparesWhomItNamesButNobodyWithABoundary) {
  const std::string allow = R"({"Effect":"Allow","Action":"sts:*","Principal":"*"},)";
  const std::string but_alice = R"({"Effect":"Deny","Action":"sts:*",
      "NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/alice"}})";
  EXPECT_EQ(ByTrust(allow + but_alice, {}, kAlice), kYes);
  EXPECT_EQ(ByTrust(allow + but_alice, {}, kShift), Verdict::kExplicitDeny);
  EXPECT_EQ(ByTrust(allow + but_alice, {.boundary = sts_.get()}, kAlice), Verdict::kExplicitDeny);
}

TEST_F(EvaluateTest, AShiftEndsWithItsDate) {
  const auto shift = MakeSet("shift", R"({"Effect":"Allow","Action":"ssm:*","Resource":"*",
      "Condition":{"DateLessThan":{"aws:CurrentTime":"2026-11-27T18:00:00Z"}}})");
  context_.Add("aws:CurrentTime", "2026-11-27T17:59:59Z");
  EXPECT_EQ(Decide({.identity = shift.get()}), kYes);
  context_.Clear();
  context_.Add("aws:CurrentTime", "2026-11-27T18:00:00Z");
  EXPECT_EQ(Decide({.identity = shift.get()}), kNo);
}

TEST_F(EvaluateTest, ADecisionAllocatesNothing) {
  const auto identity = MakeSet("identity", R"({"Effect":"Deny","Action":"ssm:*",
      "NotResource":"arn:aws:ssm:*:*:managed-instance/${adit:Node}","Condition":{"Bool":{"adit:B":"true"}}},
      {"Effect":"Allow","NotAction":"iam:*","Resource":"arn:aws:ssm:*:*:managed-instance/mi-*",
      "Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]},
      "DateLessThan":{"aws:CurrentTime":"2030-01-01"},"NumericLessThan":{"adit:Port":"1024"},
      "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/${aws:username}"},
      "BinaryEquals":{"adit:Hash":"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="},
      "StringEqualsIgnoreCase":{"adit:Env":"PROD"},
      "StringEquals":{"adit:Team":["db","a-team-whose-name-is-not-short"]},"Null":{"adit:None":"true"},
      "ForAnyValue:StringLike":{"aws:TagKeys":["en*","x"]}}})");
  context_.Add("adit:Node", "mi-1");
  context_.Add("adit:B", "true");
  context_.Add("aws:SourceIp", "2001:db8::1");
  context_.Add("aws:CurrentTime", "2026-11-27T17:59:59Z");
  context_.Add("adit:Port", "22");
  context_.Add("aws:PrincipalArn", "arn:aws:iam::123456789012:user/alice");
  context_.Add("aws:username", "alice");
  context_.Add("adit:Hash", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=");
  context_.Add("adit:Env", "Prod");
  context_.Add("adit:Team", "a-team-whose-name-is-not-short");
  context_.Add("aws:TagKeys", std::vector<std::string>{"team", "env"});
  const uint64_t before = AllocationCounter::count();
  const Verdict verdict = Decide({.identity = identity.get(), .boundary = allow_.get()});
  EXPECT_EQ(AllocationCounter::count(), before);
  EXPECT_EQ(verdict, kYes);
}

}  // namespace
}  // namespace relay::policy
