// Goal: the shipped policies give what their names promise, and nothing beyond. Method: each is
// asked about what it is for and about what it must not give.

#include "relay/policy/managed_policies.h"

#include <gtest/gtest.h>

#include "relay/policy/evaluate.h"

namespace relay::policy {
namespace {

class ManagedPoliciesTest : public testing::Test {
 protected:
  static std::unique_ptr<PolicySet> Load(std::string_view name) {
    for (const ManagedPolicy& policy : ManagedPolicies()) {
      if (policy.name != name) continue;
      auto document = PolicyDocument::Parse(policy.document, DocumentKind::kIdentity);
      EXPECT_TRUE(document.ok()) << document.status();
      if (!document.ok()) break;
      std::vector<AttachedPolicy> attached;
      attached.push_back(
          {std::string(policy.arn), std::make_shared<const PolicyDocument>(*std::move(document))});
      return std::make_unique<PolicySet>(std::move(attached));
    }
    ADD_FAILURE() << name;
    return std::make_unique<PolicySet>(std::vector<AttachedPolicy>());
  }

  bool May(const PolicySet& set, std::string_view action, std::string_view resource) {
    return Evaluate({.identity = &set}, Request(action, resource, context_)).allowed();
  }

  RequestContext context_;
};

constexpr const char* kNode = "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-1";
constexpr const char* kSession = "arn:aws:ssm:us-east-1:123456789012:session/alice-1";

TEST_F(ManagedPoliciesTest, EachIsAmongAwssManagedPoliciesAndSaysWhatItIs) {
  EXPECT_EQ(ManagedPolicies().size(), 3u);
  for (const ManagedPolicy& policy : ManagedPolicies()) {
    EXPECT_EQ(policy.arn, "arn:aws:iam::aws:policy/" + std::string(policy.name));
    EXPECT_FALSE(policy.description.empty());
  }
}

TEST_F(ManagedPoliciesTest, AnAdminMayDoEverything) {
  const auto admin = Load("AditAdmin");
  EXPECT_TRUE(May(*admin, "iam:DeleteUser", "arn:aws:iam::123456789012:user/alice"));
  EXPECT_TRUE(May(*admin, "ssm:StartSession", kNode));
}

TEST_F(ManagedPoliciesTest, AnOperatorStartsSessionsAndChangesNothing) {
  const auto set = Load("AditOperator");
  EXPECT_TRUE(May(*set, "ssm:StartSession", kNode));
  EXPECT_TRUE(May(*set, "ssm:StartSession", "arn:aws:ssm:us-east-1::document/AWS-StartSSHSession"));
  EXPECT_TRUE(May(*set, "ssm:DescribeSessions", "*"));
  EXPECT_FALSE(May(*set, "ssm:CreateDocument", "arn:aws:ssm:us-east-1:123456789012:document/D"));
  EXPECT_FALSE(May(*set, "ssm:CreateActivation", "*"));
  EXPECT_FALSE(May(*set, "iam:CreateAccessKey", "arn:aws:iam::123456789012:user/alice"));
  EXPECT_FALSE(May(*set, "sts:AssumeRole", "arn:aws:iam::123456789012:role/Ops"));
}

TEST_F(ManagedPoliciesTest, AnOperatorEndsOnesOwnSessionsAndNoOthers) {
  const auto set = Load("AditOperator");
  EXPECT_FALSE(May(*set, "ssm:TerminateSession", kSession)) << "whose it is must be known";
  context_.Add("aws:userid", "AIDAALICE");
  EXPECT_FALSE(May(*set, "ssm:TerminateSession", kSession));
  context_.Add("ssm:resourceTag/aws:ssmmessages:session-id", "AIDAALICE");
  EXPECT_TRUE(May(*set, "ssm:TerminateSession", kSession));
  EXPECT_TRUE(May(*set, "ssm:ResumeSession", kSession));
  context_.Clear();
  context_.Add("aws:userid", "AIDABOB");
  context_.Add("ssm:resourceTag/aws:ssmmessages:session-id", "AIDAALICE");
  EXPECT_FALSE(May(*set, "ssm:TerminateSession", kSession));
  EXPECT_FALSE(May(*set, "ssm:ResumeSession", kSession));
}

TEST_F(ManagedPoliciesTest, AnAuditorReadsAndDoesNothing) {
  const auto set = Load("AditAuditor");
  EXPECT_TRUE(May(*set, "cloudtrail:LookupEvents", "*"));
  EXPECT_TRUE(May(*set, "iam:ListUsers", "arn:aws:iam::123456789012:user/"));
  EXPECT_TRUE(May(*set, "iam:SimulatePrincipalPolicy", "arn:aws:iam::123456789012:user/alice"));
  EXPECT_TRUE(May(*set, "ssm:DescribeSessions", "*"));
  EXPECT_FALSE(May(*set, "ssm:StartSession", kNode));
  EXPECT_FALSE(May(*set, "ssm:TerminateSession", kSession));
  EXPECT_FALSE(May(*set, "iam:CreateUser", "arn:aws:iam::123456789012:user/x"));
}

}  // namespace
}  // namespace relay::policy
