// Goal: a Principal names whom AWS says that it names, and how closely. Method: each form, asked
// about a user, a role's session and a service.

#include "relay/policy/principal_element.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace relay::policy {
namespace {

using Sense = PrincipalElement::Sense;

constexpr RequestPrincipal kAlice{.arn = "arn:aws:iam::123456789012:user/alice",
                                  .account = "123456789012"};
constexpr RequestPrincipal kShift{.arn = "arn:aws:sts::123456789012:assumed-role/Ops/shift",
                                  .account = "123456789012",
                                  .role_arn = "arn:aws:iam::123456789012:role/Ops"};
constexpr RequestPrincipal kService{.arn = "ssm.amazonaws.com"};

PrincipalMatch Match(const char* json, const RequestPrincipal& who,
                     Sense sense = Sense::kPrincipal) {
  std::string problem;
  const auto element = PrincipalElement::Compile(nlohmann::json::parse(json), sense, problem);
  EXPECT_TRUE(element.has_value()) << json << ": " << problem;
  return element ? element->Match(who) : PrincipalMatch::kNone;
}

TEST(PrincipalElementTest, EverybodyIsEverybody) {
  for (const char* json : {R"("*")", R"({"AWS":"*"})", R"({"AWS":["*"]})"}) {
    EXPECT_EQ(Match(json, kAlice), PrincipalMatch::kEverybody);
    EXPECT_EQ(Match(json, kShift), PrincipalMatch::kEverybody);
  }
}

TEST(PrincipalElementTest, AnAccountIsAllThatAreInIt) {
  for (const char* json :
       {R"({"AWS":"123456789012"})", R"({"AWS":"arn:aws:iam::123456789012:root"})"}) {
    EXPECT_EQ(Match(json, kAlice), PrincipalMatch::kAccount);
    EXPECT_EQ(Match(json, kShift), PrincipalMatch::kAccount);
    EXPECT_EQ(Match(json, kService), PrincipalMatch::kNone);
  }
  EXPECT_EQ(Match(R"({"AWS":"210987654321"})", kAlice), PrincipalMatch::kNone);
}

TEST(PrincipalElementTest, AnArnIsOneUserOneSessionOrTheSessionsOfOneRole) {
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:iam::123456789012:user/alice"})", kAlice),
            PrincipalMatch::kItself);
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:iam::123456789012:user/Alice"})", kAlice),
            PrincipalMatch::kNone);
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:iam::123456789012:role/Ops"})", kShift),
            PrincipalMatch::kRole);
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:sts::123456789012:assumed-role/Ops/shift"})", kShift),
            PrincipalMatch::kItself);
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:sts::123456789012:assumed-role/Ops/other"})", kShift),
            PrincipalMatch::kNone);
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:iam::123456789012:role/Ops"})", kAlice),
            PrincipalMatch::kNone);
}

TEST(PrincipalElementTest, AServiceIsNamedByItsName) {
  const char* json = R"({"Service":["ec2.amazonaws.com","ssm.amazonaws.com"],"Federated":"x"})";
  EXPECT_EQ(Match(json, kService), PrincipalMatch::kItself);
  EXPECT_EQ(Match(json, kAlice), PrincipalMatch::kNone);
}

TEST(PrincipalElementTest, TheClosestNameCounts) {
  EXPECT_EQ(Match(R"({"AWS":["123456789012","arn:aws:iam::123456789012:user/alice"]})", kAlice),
            PrincipalMatch::kItself);
  EXPECT_EQ(Match(R"({"AWS":["arn:aws:iam::123456789012:role/Ops","123456789012"]})", kShift),
            PrincipalMatch::kRole);
}

TEST(PrincipalElementTest, NotPrincipalIsEverybodyWhoIsNotNamed) {
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:iam::123456789012:user/bob"})", kAlice, Sense::kNotPrincipal),
            PrincipalMatch::kItself);
  EXPECT_EQ(
      Match(R"({"AWS":"arn:aws:iam::123456789012:user/alice"})", kAlice, Sense::kNotPrincipal),
      PrincipalMatch::kNone);
  EXPECT_EQ(Match(R"({"AWS":"123456789012"})", kAlice, Sense::kNotPrincipal),
            PrincipalMatch::kNone);
  EXPECT_EQ(Match(R"({"AWS":"arn:aws:iam::123456789012:role/Ops"})", kShift, Sense::kNotPrincipal),
            PrincipalMatch::kNone);
}

TEST(PrincipalElementTest, WhatNamesNobodyIsRefused) {
  const struct {
    const char* json;
    const char* problem;
  } table[] = {
      {R"("arn:aws:iam::123456789012:user/a")", "other than \"*\""},
      {R"({})", "neither \"*\" nor an object"},
      {R"(["*"])", "neither \"*\" nor an object"},
      {R"({"aws":"*"})", "no kind of principal"},
      {R"({"AWS":[]})", "AWS: it is an empty list"},
      {R"({"AWS":1})", "AWS: it has number"},
      {R"({"AWS":"alice"})", "names no principal"},
      {R"({"AWS":"12345678901"})", "names no principal"},
      {R"({"AWS":"arn:aws:s3:::bucket"})", "names no principal"},
      {R"({"AWS":"arn:aws:iam::123456789012:user/*"})", "ArnLike on aws:PrincipalArn"},
  };
  for (const auto& row : table) {
    std::string problem;
    EXPECT_FALSE(
        PrincipalElement::Compile(nlohmann::json::parse(row.json), Sense::kPrincipal, problem)
            .has_value())
        << row.json;
    EXPECT_NE(problem.find(row.problem), std::string::npos) << row.json << ": " << problem;
  }
}

}  // namespace
}  // namespace relay::policy
