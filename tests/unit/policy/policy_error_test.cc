// Goal: what a document cannot mean is refused, with its place and the mend. Method: one good
// document, and one thing wrong at a time.

#include <gtest/gtest.h>

#include "relay/policy/policy_document.h"
#include "relay/policy/policy_json.h"

namespace relay::policy {
namespace {

std::string Error(const std::string& text, DocumentKind kind = DocumentKind::kIdentity) {
  const auto document = PolicyDocument::Parse(text, kind);
  EXPECT_FALSE(document.ok()) << text;
  EXPECT_TRUE(document.ok() || absl::IsInvalidArgument(document.status()));
  return std::string(document.status().message());
}

// InStatement returns the error of a document whose second statement has these members.
std::string InStatement(const std::string& members, DocumentKind kind = DocumentKind::kIdentity) {
  const std::string principal = kind == DocumentKind::kIdentity ? "" : R"("Principal":"*",)";
  const std::string resource = kind == DocumentKind::kTrust ? "" : R"(,"Resource":"*")";
  return Error(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",)" + principal +
                   R"("Action":"ssm:*")" + resource + "},{" + members + "}]}",
               kind);
}

#define EXPECT_STARTS(text, start)                                              \
  do {                                                                          \
    const std::string actual = (text);                                          \
    EXPECT_EQ(actual.substr(0, std::string(start).size()), start) << actual;    \
    EXPECT_GT(actual.size(), std::string(start).size()) << "does not say more"; \
  } while (false)

TEST(PolicyErrorTest, WhatIsNotJsonIsNamedWithItsPlace) {
  EXPECT_STARTS(Error(""), "It is not valid JSON: line 1, column 0");
  EXPECT_STARTS(Error("{\n  \"Version\": \"2012-10-17\"\n  \"Statement\": []}"),
                "It is not valid JSON: line 3, column ");
  EXPECT_STARTS(Error("{} {}"), "It is not valid JSON: line 1");
  EXPECT_STARTS(Error(std::string("{}\0{", 4)), "It is not valid JSON: line 1, column 2");
  EXPECT_STARTS(Error("{\"Id\": \"\xff\"}"), "It is not valid JSON: line 1");
  EXPECT_STARTS(Error("{\"Id\": 1e999}"), "It is not valid JSON: line 1");
  EXPECT_STARTS(Error("[]"), "It is no JSON object");
  EXPECT_STARTS(Error("\"Statement\""), "It is no JSON object");
}

TEST(PolicyErrorTest, AMemberThatStandsTwiceIsRefused) {
  EXPECT_STARTS(Error(R"({"Statement":[],"Statement":[]})"), "\"Statement\" stands twice");
  EXPECT_STARTS(InStatement(R"("Effect":"Allow","Action":"ssm:*","Resource":"*","Effect":"Deny")"),
                "\"Effect\" stands twice");
  EXPECT_STARTS(
      InStatement(R"("Effect":"Allow","Action":"ssm:*","Resource":"*","Condition":{
        "StringEquals":{"aws:username":"a"},"stringequals":{"AWS:UserName":"b"}})"),
      "Statement 2, Condition, stringequals, AWS:UserName: operator and key stand there twice");
}

TEST(PolicyErrorTest, TooLargeOrTooDeepIsRefused) {
  EXPECT_STARTS(Error(std::string(kPolicySizeMax + 1, ' ')),
                "It has 131073 bytes, more than 131072");
  std::string deep;
  for (size_t i = 0; i <= kPolicyDepthMax; ++i) deep += "[";
  EXPECT_STARTS(Error(deep), "It is nested more than 8 deep");
  EXPECT_STARTS(Error(std::string(100'000, '[')), "It is nested more than 8 deep");
}

TEST(PolicyErrorTest, TheDocumentsOwnMembersAreChecked) {
  EXPECT_STARTS(Error("{}"), "Statement is missing");
  EXPECT_STARTS(Error(R"({"Statements":[]})"), "\"Statements\" is no member of a policy");
  EXPECT_STARTS(Error(R"({"Statement":[]})"), "Statement: it is neither a statement nor a list");
  EXPECT_STARTS(Error(R"({"Statement":"*"})"), "Statement: it is neither a statement nor a list");
  EXPECT_STARTS(Error(R"({"Statement":[1]})"), "Statement 1: it is not an object");
  EXPECT_STARTS(Error(R"({"Version":"2012-10-18","Statement":[]})"), "Version: ");
  EXPECT_STARTS(Error(R"({"Version":2012,"Statement":[]})"), "Version: ");
  EXPECT_STARTS(Error(R"({"Id":1,"Statement":[]})"), "Id: it is not a text");
}

TEST(PolicyErrorTest, AStatementsMembersAreChecked) {
  const std::string rest = R"("Action":"ssm:*","Resource":"*")";
  EXPECT_STARTS(InStatement(R"("Effect":"Allow","Actions":"ssm:*","Resource":"*")"),
                "Statement 2: \"Actions\" is no member of a statement");
  EXPECT_STARTS(InStatement(R"("effect":"Allow",)" + rest),
                "Statement 2: \"effect\" is written \"Effect");
  EXPECT_STARTS(InStatement(rest), "Statement 2, Effect: it is missing");
  EXPECT_STARTS(InStatement(R"("Effect":"allow",)" + rest), "Statement 2, Effect: it is neither");
  EXPECT_STARTS(InStatement(R"("Effect":["Allow"],)" + rest), "Statement 2, Effect: it is neither");
  EXPECT_STARTS(InStatement(R"("Sid":"a b","Effect":"Allow",)" + rest), "Statement 2, Sid: ");
  EXPECT_STARTS(InStatement(R"("Sid":7,"Effect":"Allow",)" + rest), "Statement 2, Sid: ");
  EXPECT_STARTS(Error(R"({"Statement":[{"Sid":"A","Effect":"Deny",)" + rest +
                      R"(},{"Sid":"A","Effect":"Deny",)" + rest + "}]}"),
                "Statement 2 (Sid \"A\"), Sid: another statement has the same");
}

TEST(PolicyErrorTest, ActionsAreChecked) {
  const auto error = [](const std::string& action) {
    return InStatement(R"("Effect":"Allow","Resource":"*","Action":)" + action);
  };
  EXPECT_STARTS(InStatement(R"("Effect":"Allow","Resource":"*")"),
                "Statement 2, Action: it is missing; add it");
  EXPECT_STARTS(InStatement(R"("Effect":"Allow","Resource":"*","Action":"*","NotAction":"*")"),
                "Statement 2, Action: there is NotAction as well");
  EXPECT_STARTS(error("[]"), "Statement 2, Action: it is an empty list");
  EXPECT_STARTS(error("{}"), "Statement 2, Action: it has object where");
  EXPECT_STARTS(error(R"(["ssm:*",1])"), "Statement 2, Action: it has number");
  EXPECT_STARTS(error("\"StartSession\""), "Statement 2, Action: \"StartSession\" is not written");
  EXPECT_STARTS(error("\"ssm:\""), "Statement 2, Action: \"ssm:\" is not written");
  EXPECT_STARTS(error("\"s*:Start\""), "Statement 2, Action: \"s*:Start\" has a service");
  EXPECT_STARTS(error("\"ssm:${aws:username}\""), "Statement 2, Action: \"ssm:$");
}

TEST(PolicyErrorTest, ResourcesAreChecked) {
  const auto error = [](const std::string& resource) {
    return InStatement(R"("Sid":"X","Effect":"Allow","Action":"*","Resource":")" + resource + "\"");
  };
  const std::string place = "Statement 2 (Sid \"X\"), Resource: \"";
  EXPECT_STARTS(InStatement(R"("Effect":"Allow","Action":"*")"),
                "Statement 2, Resource: it is mis");
  EXPECT_STARTS(error("mi-1"), place + "mi-1\" is no ARN");
  EXPECT_STARTS(error("*mi-1"), place + "*mi-1\" is no ARN");
  for (const char* text : {"arn:*", "arn:aws:*", "arn:aws:s*:us-east-1:1:x", "arn:aws:?:::x"})
    EXPECT_STARTS(error(text), place + text + "\" does not name its service");
  EXPECT_STARTS(error("arn:aws:ssm:us-east-1"), place + "arn:aws:ssm:us-east-1\" has fewer parts");
  EXPECT_STARTS(
      error("arn:aws:iam::${aws:PrincipalAccount}:user/a"),
      place + "arn:aws:iam::${aws:PrincipalAccount}:user/a\" has a policy variable before");
  EXPECT_STARTS(error("arn:aws:ssm:*:*:document/${x}"),
                place + "arn:aws:ssm:*:*:document/${x}\": ");
}

TEST(PolicyErrorTest, PrincipalsBelongToTrustAndResourcePoliciesAlone) {
  const std::string rest = R"(,"Effect":"Deny","Action":"ssm:*")";
  EXPECT_STARTS(InStatement(R"("Principal":"*","Resource":"*")" + rest),
                "Statement 2, Principal: ");
  EXPECT_STARTS(InStatement(R"("NotPrincipal":"*","Resource":"*")" + rest),
                "Statement 2, Principal: the policy speaks of whom it is attached to");
  EXPECT_STARTS(InStatement(R"("Sid":"A")" + rest, DocumentKind::kTrust),
                "Statement 2 (Sid \"A\"), Principal: it is missing");
  EXPECT_STARTS(InStatement(R"("Principal":"*","Resource":"*")" + rest, DocumentKind::kTrust),
                "Statement 2, Resource: a trust policy speaks of its own role alone");
  EXPECT_STARTS(InStatement(R"("Principal":"*")" + rest, DocumentKind::kResource),
                "Statement 2, Resource: it is missing");
  EXPECT_STARTS(InStatement(R"("NotPrincipal":"*","Effect":"Allow","Action":"sts:AssumeRole")",
                            DocumentKind::kTrust),
                "Statement 2, NotPrincipal: an Allow for everybody but some");
}

TEST(PolicyErrorTest, ConditionsAreChecked) {
  const auto error = [](const std::string& condition) {
    return InStatement(R"("Effect":"Allow","Action":"*","Resource":"*","Condition":)" + condition);
  };
  EXPECT_STARTS(error("[]"), "Statement 2, Condition: it is not an object");
  EXPECT_STARTS(error(R"({"StringEquals":"x"})"), "Statement 2, Condition, StringEquals: ");
  EXPECT_STARTS(error(R"({"StringIs":{"aws:username":"x"}})"),
                "Statement 2, Condition, StringIs, aws:username: it is no condition operator");
  EXPECT_STARTS(error(R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/99"}})"),
                "Statement 2, Condition, IpAddress, aws:SourceIp: \"10.0.0.0/99\" is not");
  EXPECT_STARTS(error(R"({"StringEquals":{"aws:username":[]}})"),
                "Statement 2, Condition, StringEquals, aws:username: it is an empty list");
  EXPECT_STARTS(error(R"({"StringEquals":{"aws:username":null}})"),
                "Statement 2, Condition, StringEquals, aws:username: it has null");
  EXPECT_STARTS(error(R"({"StringEquals":{"aws:username":{"a":1}}})"),
                "Statement 2, Condition, StringEquals, aws:username: it has object");
}

}  // namespace
}  // namespace relay::policy
