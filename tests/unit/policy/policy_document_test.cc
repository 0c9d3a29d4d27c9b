// Goal: a document means what AWS's grammar says. Method: documents of every kind and form, looked
// at through what they match. What is refused is in policy_error_test.cc.

#include "relay/policy/policy_document.h"

#include <gtest/gtest.h>

namespace relay::policy {
namespace {

PolicyDocument Parse(std::string_view text, DocumentKind kind = DocumentKind::kIdentity) {
  auto document = PolicyDocument::Parse(text, kind);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *std::move(document) : PolicyDocument();
}

// StatementWith returns a one-statement document with these members of the statement.
PolicyDocument StatementWith(const std::string& members, const char* version = "2012-10-17") {
  return Parse(R"({"Version":")" + std::string(version) + R"(","Statement":{"Effect":"Allow",)" +
               members + "}}");
}

bool Matches(const PolicyDocument& document, std::string_view action, std::string_view resource,
             const RequestContext& context = {}) {
  return document.statements().size() == 1 &&
         document.statements()[0].Matches(Request(action, resource, context));
}

constexpr const char* kNode = "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-1";

TEST(PolicyDocumentTest, AStatementAloneIsAListOfOne) {
  const auto alone = Parse(R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})");
  const auto list = Parse(R"({"Id":"x","Statement":[{"Sid":"","Effect":"Deny","Action":"*",
                             "Resource":"*"},{"Sid":"B1","Effect":"Allow","Action":["ssm:*"],
                             "Resource":["*"],"Condition":{}}]})");
  ASSERT_EQ(alone.statements().size(), 1u);
  EXPECT_EQ(alone.statements()[0].effect, Effect::kDeny);
  EXPECT_EQ(alone.id(), "");
  ASSERT_EQ(list.statements().size(), 2u);
  EXPECT_EQ(list.id(), "x");
  EXPECT_EQ(list.statements()[0].sid, "");
  EXPECT_EQ(list.statements()[1].sid, "B1");
  EXPECT_EQ(list.statements()[1].effect, Effect::kAllow);
}

TEST(PolicyDocumentTest, ActionsHaveNoCaseAndResourcesHave) {
  const auto document =
      StatementWith(R"("Action":"SSM:start*","Resource":"arn:aws:ssm:*:*:managed-instance/MI-1")");
  EXPECT_TRUE(Matches(document, "ssm:StartSession",
                      "arn:aws:ssm:us-east-1:123456789012:managed-instance/MI-1"));
  EXPECT_FALSE(Matches(document, "ssm:StartSession", kNode));
  EXPECT_FALSE(Matches(document, "ssm:GetDocument",
                       "arn:aws:ssm:us-east-1:123456789012:managed-instance/MI-1"));
}

TEST(PolicyDocumentTest, NotActionAndNotResourceAreEverythingElse) {
  const auto not_action = StatementWith(R"("NotAction":["ssm:Get*","iam:*"],"Resource":"*")");
  EXPECT_TRUE(Matches(not_action, "ssm:StartSession", kNode));
  EXPECT_FALSE(Matches(not_action, "ssm:GetDocument", kNode));
  EXPECT_FALSE(Matches(not_action, "iam:CreateUser", kNode));
  const auto not_resource =
      StatementWith(R"("Action":"*","NotResource":["arn:aws:ssm:*:*:document/*","arn:aws:iam:*"])");
  EXPECT_TRUE(Matches(not_resource, "ssm:StartSession", kNode));
  EXPECT_FALSE(Matches(not_resource, "ssm:StartSession", "arn:aws:ssm:us-east-1::document/D"));
  EXPECT_FALSE(Matches(not_resource, "iam:GetUser", "arn:aws:iam::123456789012:user/a"));
}

TEST(PolicyDocumentTest, AVariableOfAResourceIsTheRequestsValue) {
  const auto document =
      StatementWith(R"("Action":"*","Resource":"arn:aws:ssm:*:*:session/${aws:username}-*")");
  RequestContext alice;
  alice.Add("aws:username", "alice");
  EXPECT_TRUE(Matches(document, "a:b", "arn:aws:ssm:us-east-1:1:session/alice-1", alice));
  EXPECT_FALSE(Matches(document, "a:b", "arn:aws:ssm:us-east-1:1:session/bob-1", alice));
  EXPECT_FALSE(Matches(document, "a:b", "arn:aws:ssm:us-east-1:1:session/alice-1"));
}

TEST(PolicyDocumentTest, NotResourceExcludesNothingByAVariableWithoutAValue) {
  const auto document =
      StatementWith(R"("Action":"*","NotResource":"arn:aws:ssm:*:*:session/${aws:username}*")");
  EXPECT_TRUE(Matches(document, "a:b", "arn:aws:ssm:us-east-1:1:session/alice-1"));
}

TEST(PolicyDocumentTest, VariablesAreThereFromTheNewVersionOnly) {
  const std::string members =
      R"("Action":"*","Resource":"*","Condition":{"StringEquals":{"adit:X":"${aws:username}"}})";
  RequestContext context;
  context.Add("aws:username", "alice");
  context.Add("adit:X", "alice");
  EXPECT_TRUE(Matches(StatementWith(members), "a:b", "*", context));
  EXPECT_FALSE(Matches(StatementWith(members, "2008-10-17"), "a:b", "*", context));
  const auto without = Parse(R"({"Statement":{"Effect":"Allow",)" + members + "}}");
  EXPECT_FALSE(Matches(without, "a:b", "*", context));
  RequestContext literal;
  literal.Add("adit:X", "${aws:username}");
  EXPECT_TRUE(Matches(without, "a:b", "*", literal));
}

TEST(PolicyDocumentTest, AllConditionsMustHold) {
  const auto document = StatementWith(R"("Action":"*","Resource":"*","Condition":{
      "StringEquals":{"adit:A":"1","adit:B":["1","2"]},"Bool":{"adit:C":true},
      "NumericLessThan":{"adit:D":1.5}})");
  const auto matches = [&](const char* a, const char* b, const char* c, const char* d) {
    RequestContext context;
    context.Add("adit:A", a);
    context.Add("adit:B", b);
    context.Add("adit:C", c);
    context.Add("adit:D", d);
    return Matches(document, "a:b", "*", context);
  };
  EXPECT_TRUE(matches("1", "2", "true", "1"));
  EXPECT_FALSE(matches("2", "2", "true", "1"));
  EXPECT_FALSE(matches("1", "3", "true", "1"));
  EXPECT_FALSE(matches("1", "2", "false", "1"));
  EXPECT_FALSE(matches("1", "2", "true", "1.5"));
}

TEST(PolicyDocumentTest, AStarThatEndsAnArnStandsForTheRest) {
  const auto document = StatementWith(R"("Action":"*","Resource":"arn:aws:ssm:*")");
  EXPECT_TRUE(Matches(document, "a:b", kNode));
  EXPECT_FALSE(Matches(document, "a:b", "arn:aws:iam::123456789012:user/a"));
}

TEST(PolicyDocumentTest, ATrustPolicySpeaksOfItsRoleAlone) {
  const auto document = Parse(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",
      "Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},"Action":"sts:AssumeRole"}]})",
                              DocumentKind::kTrust);
  EXPECT_TRUE(Matches(document, "sts:AssumeRole", "arn:aws:iam::123456789012:role/Ops"));
  ASSERT_TRUE(document.statements()[0].principal.has_value());
}

TEST(PolicyDocumentTest, ItNamesTheKeysThatMatterToIt) {
  const auto document = Parse(R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Action":"*","Resource":"arn:aws:ssm:*:*:session/${aws:username}-*"},
      {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{
        "ssm:resourceTag/Env":"${aws:PrincipalTag/env}","aws:UserName":"x"}}}]})");
  EXPECT_EQ(
      document.ContextKeys(),
      (std::vector<std::string>{"aws:principaltag/env", "aws:username", "ssm:resourcetag/env"}));
}

TEST(PolicyDocumentTest, AsManyStatementsAsTheMaximumAreTaken) {
  std::string text = R"({"Statement":[)";
  for (size_t i = 0; i < PolicyDocument::kStatementsMax; ++i)
    text += std::string(i == 0 ? "" : ",") + R"({"Effect":"Deny","Action":"*","Resource":"*"})";
  EXPECT_EQ(Parse(text + "]}").statements().size(), PolicyDocument::kStatementsMax);
  const auto more = PolicyDocument::Parse(
      text + R"(,{"Effect":"Deny","Action":"*","Resource":"*"}]})", DocumentKind::kIdentity);
  EXPECT_EQ(more.status().message(),
            "Statement: there are 1001, more than 1000; split it into several policies");
}

}  // namespace
}  // namespace relay::policy
