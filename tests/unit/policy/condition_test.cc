// Goal: every operator, with IfExists and both set prefixes, holds exactly when AWS says so.
// Method: tables of operator, values of the policy, values of the request and outcome.

#include "relay/policy/condition.h"

#include <gtest/gtest.h>

#include <optional>

namespace relay::policy {
namespace {

using Texts = std::vector<std::string>;

std::optional<Condition> Compile(const std::string& name, const Texts& values,
                                 std::string& problem) {
  return Condition::Compile(name, "adit:Key", values, Variables::kSubstituted, problem);
}

// Holds asks with the request's values of adit:Key; nothing: the request has no such key.
bool Holds(const std::string& name, const Texts& policy_values,
           const std::optional<Texts>& request_values) {
  std::string problem;
  const auto condition = Compile(name, policy_values, problem);
  EXPECT_TRUE(condition.has_value()) << name << ": " << problem;
  if (!condition) return false;
  RequestContext context;
  context.Add("aws:username", "alice");
  if (request_values) context.Add("ADIT:key", *request_values);
  return condition->Holds(context);
}

struct Row {
  const char* name;
  Texts policy;
  const char* request;
  bool holds;
};

void Check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(Holds(row.name, row.policy, Texts{row.request}), row.holds)
        << row.name << " " << row.policy[0] << " " << row.request;
  }
}

TEST(ConditionTest, TextIsCompared) {
  Check({{"StringEquals", {"prod"}, "prod", true},
         {"StringEquals", {"prod"}, "Prod", false},
         {"StringEquals", {"p*"}, "prod", false},
         {"StringEquals", {"p*"}, "p*", true},
         {"StringEquals", {"${aws:username}"}, "alice", true},
         {"StringEquals", {"${*}"}, "*", true},
         {"StringNotEquals", {"prod"}, "prod", false},
         {"StringNotEquals", {"prod"}, "dev", true},
         {"StringEqualsIgnoreCase", {"prod"}, "PROD", true},
         {"StringEqualsIgnoreCase", {"prod"}, "dev", false},
         {"StringNotEqualsIgnoreCase", {"prod"}, "PROD", false},
         {"StringNotEqualsIgnoreCase", {"prod"}, "dev", true},
         {"StringLike", {"p*d"}, "prod", true},
         {"StringLike", {"p?d"}, "prod", false},
         {"StringLike", {"${aws:username}-*"}, "alice-1", true},
         {"StringNotLike", {"p*"}, "prod", false},
         {"StringNotLike", {"p*"}, "dev", true}});
}

TEST(ConditionTest, NumbersAreCompared) {
  Check({{"NumericEquals", {"22"}, "22.0", true},
         {"NumericEquals", {"22"}, "23", false},
         {"NumericNotEquals", {"22"}, "22", false},
         {"NumericNotEquals", {"22"}, "23", true},
         {"NumericLessThan", {"1024"}, "1023.5", true},
         {"NumericLessThan", {"1024"}, "1024", false},
         {"NumericLessThanEquals", {"1024"}, "1024", true},
         {"NumericLessThanEquals", {"1024"}, "1025", false},
         {"NumericGreaterThan", {"9"}, "10", true},
         {"NumericGreaterThan", {"10"}, "10", false},
         {"NumericGreaterThanEquals", {"10"}, "10", true},
         {"NumericGreaterThanEquals", {"10"}, "9", false}});
}

TEST(ConditionTest, DatesAreComparedAsInstants) {
  const char* noon = "2026-11-27T12:00:00Z";
  Check({{"DateEquals", {noon}, "2026-11-27T13:00:00+01:00", true},
         {"DateEquals", {noon}, "1795780800", true},
         {"DateEquals", {noon}, "2026-11-27T12:00:00.001Z", false},
         {"DateNotEquals", {noon}, noon, false},
         {"DateNotEquals", {noon}, "2026-11-28", true},
         {"DateLessThan", {noon}, "2026-11-27T11:59:59.999Z", true},
         {"DateLessThan", {noon}, noon, false},
         {"DateLessThanEquals", {noon}, noon, true},
         {"DateLessThanEquals", {noon}, "2026-11-27T12:00:01Z", false},
         {"DateGreaterThan", {noon}, "2027", true},
         {"DateGreaterThan", {noon}, noon, false},
         {"DateGreaterThanEquals", {noon}, noon, true},
         {"DateGreaterThanEquals", {noon}, "2026-11-27", false}});
}

TEST(ConditionTest, BoolIgnoresCase) {
  Check({{"Bool", {"true"}, "true", true},
         {"Bool", {"true"}, "True", true},
         {"Bool", {"TRUE"}, "true", true},
         {"Bool", {"true"}, "false", false},
         {"Bool", {"false"}, "false", true},
         {"Bool", {"true", "false"}, "false", true}});
}

TEST(ConditionTest, BinaryIsComparedByteForByte) {
  Check({{"BinaryEquals", {"QUJD"}, "QUJD", true},
         {"BinaryEquals", {"QUJD"}, "QUJE", false},
         {"BinaryEquals", {"QUJD"}, "qujd", false}});
}

TEST(ConditionTest, AddressesAreInRangesOrNot) {
  Check({{"IpAddress", {"10.0.0.0/8"}, "10.1.2.3", true},
         {"IpAddress", {"10.0.0.0/8"}, "11.1.2.3", false},
         {"IpAddress", {"10.0.0.0/8"}, "::ffff:10.1.2.3", true},
         {"IpAddress", {"2001:db8::/32"}, "2001:db8::9", true},
         {"NotIpAddress", {"10.0.0.0/8"}, "10.1.2.3", false},
         {"NotIpAddress", {"10.0.0.0/8"}, "11.1.2.3", true},
         {"NotIpAddress", {"10.0.0.0/8"}, "2001:db8::9", true}});
}

TEST(ConditionTest, ArnsAreComparedPartByPart) {
  const char* alice = "arn:aws:iam::123456789012:user/alice";
  for (const char* name : {"ArnEquals", "ArnLike"}) {
    Check({{name, {alice}, alice, true},
           {name, {"arn:aws:iam::*:user/*"}, alice, true},
           {name, {"arn:*:iam::123?56789012:user/${aws:username}"}, alice, true},
           {name, {"arn:aws:iam::*:role/*"}, alice, false},
           {name, {"arn:aws:*:*:user/alice:x"}, alice, false},
           {name, {"arn:aws:iam*:::user/alice"}, alice, false},
           {name, {"arn:aws:iam::123456789012:a*c"}, "arn:aws:iam::123456789012:a:b:c", true},
           {name, {alice}, "alice", false}});
  }
  for (const char* name : {"ArnNotEquals", "ArnNotLike"}) {
    Check({{name, {"arn:aws:iam::*:user/*"}, alice, false},
           {name, {"arn:aws:iam::*:role/*"}, alice, true},
           {name, {alice}, "alice", true}});
  }
}

TEST(ConditionTest, OneOfSeveralValuesIsEnoughAndNoneMayMatchANegatedOne) {
  Check({{"StringEquals", {"prod", "dev"}, "dev", true},
         {"StringEquals", {"prod", "dev"}, "test", false},
         {"StringNotEquals", {"prod", "dev"}, "dev", false},
         {"StringNotEquals", {"prod", "dev"}, "test", true},
         {"NumericLessThan", {"10", "20"}, "15", true},
         {"NotIpAddress", {"10.0.0.0/8", "192.0.2.0/24"}, "192.0.2.1", false},
         {"ArnNotLike",
          {"arn:aws:iam::*:user/*", "arn:aws:iam::*:role/*"},
          "arn:aws:iam::1:role/x",
          false}});
}

TEST(ConditionTest, AValueOfAnotherKindMatchesNothing) {
  Check({{"NumericEquals", {"1"}, "one", false},
         {"NumericLessThan", {"1"}, "", false},
         {"NumericNotEquals", {"1"}, "one", true},
         {"DateLessThan", {"2026"}, "yesterday", false},
         {"DateNotEquals", {"2026"}, "yesterday", true},
         {"IpAddress", {"0.0.0.0/0"}, "localhost", false},
         {"NotIpAddress", {"0.0.0.0/0"}, "localhost", true},
         {"Bool", {"false"}, "no", false}});
}

TEST(ConditionTest, AMissingKeyMatchesNothing) {
  for (const char* name : {"StringEquals", "StringLike", "NumericLessThan", "DateGreaterThan"})
    EXPECT_FALSE(Holds(name, {"2026"}, std::nullopt)) << name;
  EXPECT_FALSE(Holds("Bool", {"false"}, std::nullopt));
  EXPECT_FALSE(Holds("IpAddress", {"0.0.0.0/0"}, std::nullopt));
  EXPECT_FALSE(Holds("BinaryEquals", {"QUJD"}, std::nullopt));
  EXPECT_FALSE(Holds("ArnLike", {"arn:*:*:*:*:*"}, std::nullopt));
  for (const char* name : {"StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike",
                           "NumericNotEquals", "DateNotEquals"})
    EXPECT_TRUE(Holds(name, {"2026"}, std::nullopt)) << name;
  EXPECT_TRUE(Holds("NotIpAddress", {"0.0.0.0/0"}, std::nullopt));
  EXPECT_TRUE(Holds("ArnNotLike", {"arn:*:*:*:*:*"}, std::nullopt));
}

TEST(ConditionTest, IfExistsHoldsWithoutTheKeyAndComparesWithIt) {
  for (const char* name : {"StringEqualsIfExists", "NumericLessThanIfExists", "DateEqualsIfExists",
                           "ForAllValues:StringLikeIfExists", "StringNotEqualsIfExists"}) {
    EXPECT_TRUE(Holds(name, {"2026"}, std::nullopt)) << name;
    EXPECT_TRUE(Holds(name, {"2026"}, Texts{})) << name;
  }
  Check({{"StringEqualsIfExists", {"prod"}, "dev", false},
         {"StringNotEqualsIfExists", {"prod"}, "prod", false},
         {"BoolIfExists", {"true"}, "false", false},
         {"IpAddressIfExists", {"10.0.0.0/8"}, "192.0.2.1", false},
         {"ArnLikeIfExists", {"arn:aws:iam::*:user/*"}, "arn:aws:iam::1:user/a", true}});
}

TEST(ConditionTest, NullAsksWhetherThereIsAValue) {
  EXPECT_TRUE(Holds("Null", {"true"}, std::nullopt));
  EXPECT_TRUE(Holds("Null", {"true"}, Texts{}));
  EXPECT_FALSE(Holds("Null", {"true"}, Texts{"x"}));
  EXPECT_FALSE(Holds("Null", {"false"}, std::nullopt));
  EXPECT_TRUE(Holds("Null", {"False"}, Texts{"x", "y"}));
  EXPECT_TRUE(Holds("Null", {"true", "false"}, std::nullopt));
  EXPECT_TRUE(Holds("Null", {"true", "false"}, Texts{"x"}));
}

TEST(ConditionTest, ForAllValuesHoldsWhenEachValueDoes) {
  const char* name = "ForAllValues:StringEquals";
  EXPECT_TRUE(Holds(name, {"a", "b"}, Texts{"a", "b", "a"}));
  EXPECT_FALSE(Holds(name, {"a", "b"}, Texts{"a", "c"}));
  EXPECT_TRUE(Holds(name, {"a"}, std::nullopt));
  EXPECT_TRUE(Holds(name, {"a"}, Texts{}));
  const char* negated = "ForAllValues:StringNotLike";
  EXPECT_TRUE(Holds(negated, {"x*"}, Texts{"a", "b"}));
  EXPECT_FALSE(Holds(negated, {"x*"}, Texts{"a", "xb"}));
  EXPECT_TRUE(Holds(negated, {"x*"}, std::nullopt));
  EXPECT_FALSE(Holds("ForAllValues:NumericLessThan", {"10"}, Texts{"9", "11"}));
}

TEST(ConditionTest, ForAnyValueHoldsWhenOneValueDoes) {
  const char* name = "ForAnyValue:StringEquals";
  EXPECT_TRUE(Holds(name, {"a", "b"}, Texts{"c", "b"}));
  EXPECT_FALSE(Holds(name, {"a", "b"}, Texts{"c", "d"}));
  EXPECT_FALSE(Holds(name, {"a"}, std::nullopt));
  EXPECT_FALSE(Holds(name, {"a"}, Texts{}));
  const char* negated = "ForAnyValue:StringNotEquals";
  EXPECT_TRUE(Holds(negated, {"a"}, Texts{"a", "b"}));
  EXPECT_FALSE(Holds(negated, {"a"}, Texts{"a", "a"}));
  EXPECT_FALSE(Holds(negated, {"a"}, std::nullopt));
  EXPECT_FALSE(Holds("ForAnyValue:StringEqualsIfExists", {"a"}, std::nullopt));
  EXPECT_FALSE(Holds("ForAnyValue:StringNotEqualsIfExists", {"a"}, Texts{}));
  EXPECT_TRUE(Holds("ForAnyValue:IpAddress", {"10.0.0.0/8"}, Texts{"192.0.2.1", "10.0.0.1"}));
}

TEST(ConditionTest, SeveralValuesNeedASetPrefix) {
  EXPECT_FALSE(Holds("StringEquals", {"a"}, Texts{"a", "b"}));
  EXPECT_FALSE(Holds("StringEquals", {"a"}, Texts{"a", "a"}));
  EXPECT_FALSE(Holds("StringNotEquals", {"c"}, Texts{"a", "b"}));
  EXPECT_FALSE(Holds("StringEqualsIfExists", {"a"}, Texts{"a", "b"}));
}

TEST(ConditionTest, AVariableWithoutAValueMatchesNothingSoThatANegatedOneHolds) {
  Check({{"StringEquals", {"${aws:userid}"}, "x", false},
         {"StringLike", {"*${aws:userid}"}, "x", false},
         {"ArnLike", {"arn:aws:iam::1:user/${aws:userid}"}, "arn:aws:iam::1:user/x", false},
         {"StringNotEquals", {"${aws:userid}"}, "x", true},
         {"StringNotLike", {"${aws:userid}", "y"}, "x", true},
         {"StringNotLike", {"${aws:userid}", "x"}, "x", false},
         {"ArnNotLike", {"arn:aws:iam::1:user/${aws:userid}"}, "arn:aws:iam::1:user/x", true}});
}

TEST(ConditionTest, OperatorsAreKnownInAnyCase) {
  EXPECT_TRUE(Holds("stringEQUALS", {"a"}, Texts{"a"}));
  EXPECT_TRUE(Holds("foranyvalue:stringlikeifexists", {"a*"}, Texts{"ab"}));
}

TEST(ConditionTest, ItNamesTheKeysThatItLooksAt) {
  std::string problem;
  const auto condition = Condition::Compile(
      "ArnLike", "aws:PrincipalArn", {"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"},
      Variables::kSubstituted, problem);
  ASSERT_TRUE(condition.has_value()) << problem;
  Texts names;
  condition->AddKeys(names);
  EXPECT_EQ(names, (Texts{"aws:principalarn", "aws:principalaccount", "aws:username"}));
}

TEST(ConditionTest, WhatCannotBeMeantIsRefused) {
  const struct {
    const char* name;
    Texts values;
    const char* problem;
  } table[] = {
      {"StringIs", {"a"}, "no condition operator"},
      {"IfExists", {"a"}, "no condition operator"},
      {"ForEachValue:StringEquals", {"a"}, "no condition operator"},
      {"StringEqualsIfExistsIfExists", {"a"}, "no condition operator"},
      {"NullIfExists", {"true"}, "write Null alone"},
      {"ForAllValues:Null", {"true"}, "write Null alone"},
      {"Null", {"yes"}, "neither true"},
      {"StringEquals", {}, "no value"},
      {"NumericEquals", {"1", "one"}, "\"one\" is not a decimal number"},
      {"DateLessThan", {"tomorrow"}, "\"tomorrow\" is not a date"},
      {"DateLessThan", {"${aws:CurrentTime}"}, "is not a date"},
      {"Bool", {"yes"}, "neither true nor false"},
      {"BinaryEquals", {"QUJ"}, "Base64"},
      {"IpAddress", {"10.0.0.0/40"}, "is not an IP address"},
      {"ArnLike", {"*"}, "six parts"},
      {"ArnLike", {"arn:aws:iam::${aws:username"}, "six parts"},
      {"ArnLike", {"arn:aws:iam::1:user/${alice}"}, "names no condition key"},
      {"StringLike", {"${"}, "no closing }"},
  };
  for (const auto& row : table) {
    std::string problem;
    EXPECT_FALSE(Compile(row.name, row.values, problem).has_value()) << row.name;
    EXPECT_NE(problem.find(row.problem), std::string::npos) << row.name << ": " << problem;
  }
  for (const char* key : {"SourceIp", ":x", "aws:", ""}) {
    std::string problem;
    EXPECT_FALSE(Condition::Compile("StringEquals", key, {"a"}, Variables::kSubstituted, problem)
                     .has_value());
    EXPECT_NE(problem.find("aws:SourceIp"), std::string::npos) << problem;
  }
}

}  // namespace
}  // namespace relay::policy
