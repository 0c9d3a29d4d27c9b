// Goal: a pattern matches what AWS documents, and nothing makes it slow. Method: tables of pattern,
// text and outcome; adversarial texts that would never end with retries inside retries.

#include "relay/policy/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace relay::policy {
namespace {

RequestContext MakeContext() {
  RequestContext context;
  context.Add("aws:username", "alice");
  context.Add("aws:PrincipalTag/team", "db");
  context.Add("aws:PrincipalTag/star", "*");
  context.Add("aws:PrincipalTag/empty", "");
  context.Add("aws:TagKeys", std::vector<std::string>{"env", "team"});
  return context;
}

bool Matches(std::string_view pattern, std::string_view text, Pattern::Rules rules = {}) {
  static const RequestContext context = MakeContext();
  std::string problem;
  const auto compiled = Pattern::Compile(pattern, rules, problem);
  EXPECT_TRUE(compiled.has_value()) << pattern << ": " << problem;
  return compiled.has_value() && compiled->Matches(text, context);
}

std::string Problem(std::string_view pattern) {
  std::string problem;
  EXPECT_FALSE(Pattern::Compile(pattern, {}, problem).has_value()) << pattern;
  return problem;
}

TEST(PatternTest, PlainTextMatchesItselfAlone) {
  EXPECT_TRUE(Matches("", ""));
  EXPECT_TRUE(Matches("abc", "abc"));
  EXPECT_FALSE(Matches("abc", "ab"));
  EXPECT_FALSE(Matches("abc", "abcd"));
  EXPECT_FALSE(Matches("abc", "Abc"));
  EXPECT_FALSE(Matches("", "a"));
}

TEST(PatternTest, AStarIsAnyTextAndAQuestionMarkOneCharacter) {
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } table[] = {
      {"*", "", true},
      {"*", "anything:at/all", true},
      {"a*", "a", true},
      {"a*", "ba", false},
      {"*c", "abc", true},
      {"*c", "abcd", false},
      {"a*c", "ac", true},
      {"a*c", "abbbc", true},
      {"a*c", "abcb", false},
      {"*b*", "abc", true},
      {"*b*", "ac", false},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},
      {"**", "x", true},
      {"a**c", "abc", true},
      {"?", "", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"*?", "", false},
      {"*?", "a", true},
      {"?*", "a", true},
      {"*?b", "b", false},
      {"*?b", "aab", true},
      {"??*??", "abc", false},
      {"??*??", "abcd", true},
      {"*ab", "aab", true},
      {"*aab*b", "aaabab", true},
      {"*.txt*.txt", "a.txt", false},
  };
  for (const auto& row : table)
    EXPECT_EQ(Matches(row.pattern, row.text), row.matches) << row.pattern << " " << row.text;
}

TEST(PatternTest, AQuestionMarkIsACharacterAndNotAByte) {
  EXPECT_TRUE(Matches("?", "é"));
  EXPECT_TRUE(Matches("b?r", "bär"));
  EXPECT_TRUE(Matches("*?", "é"));
  EXPECT_FALSE(Matches("??", "é"));
  EXPECT_FALSE(Matches("*??", "é"));
}

TEST(PatternTest, WithoutWildcardsTheyArePlainCharacters) {
  EXPECT_TRUE(Matches("a*?", "a*?", {.wildcards = false}));
  EXPECT_FALSE(Matches("a*?", "abc", {.wildcards = false}));
}

TEST(PatternTest, IgnoringCaseIsAboutLetters) {
  EXPECT_TRUE(Matches("Prod-1", "pROD-1", {.wildcards = false, .ignore_case = true}));
  EXPECT_FALSE(Matches("Prod-1", "prod-2", {.wildcards = false, .ignore_case = true}));
  EXPECT_FALSE(Matches("Prod", "prod-2", {.wildcards = false, .ignore_case = true}));
  EXPECT_TRUE(Matches("X${aws:username}", "xALICE", {.wildcards = false, .ignore_case = true}));
}

TEST(PatternTest, AVariableIsTheRequestsValue) {
  EXPECT_TRUE(Matches("session/${aws:username}-*", "session/alice-1"));
  EXPECT_FALSE(Matches("session/${aws:username}-*", "session/bob-1"));
  EXPECT_TRUE(Matches("${AWS:UserName}", "alice")) << "names of keys have no case";
  EXPECT_TRUE(Matches("*${aws:username}", "x-alice"));
  EXPECT_TRUE(Matches("${aws:username}${aws:PrincipalTag/team}", "alicedb"));
  EXPECT_TRUE(Matches("*${aws:username}*${aws:PrincipalTag/team}", "--alice--db"));
}

TEST(PatternTest, AWildcardInAValueIsAPlainCharacter) {
  EXPECT_TRUE(Matches("home/${aws:PrincipalTag/star}", "home/*"));
  EXPECT_FALSE(Matches("home/${aws:PrincipalTag/star}", "home/bob"));
}

TEST(PatternTest, AVariableWithoutAValueMatchesNothing) {
  EXPECT_FALSE(Matches("${aws:TagKeys}", "env")) << "the first of several is none of them";
  for (const char* key : {"aws:userid", "aws:PrincipalTag/empty", "aws:TagKeys"}) {
    const std::string variable = std::string("${") + key + "}";
    EXPECT_FALSE(Matches(variable, ""));
    EXPECT_FALSE(Matches(variable, variable));
    EXPECT_FALSE(Matches("*" + variable, "anything"));
    EXPECT_FALSE(Matches(variable + "*", "anything"));
  }
}

TEST(PatternTest, ADefaultStandsInForAMissingOrEmptyValueAlone) {
  EXPECT_TRUE(Matches("${aws:userid, 'nobody'}", "nobody"));
  EXPECT_TRUE(Matches("${aws:PrincipalTag/empty, 'nobody'}", "nobody"));
  EXPECT_TRUE(Matches("x${aws:userid, ''}y", "xy"));
  EXPECT_TRUE(Matches("${aws:username, 'nobody'}", "alice"));
  EXPECT_FALSE(Matches("${aws:username, 'nobody'}", "nobody"));
  EXPECT_FALSE(Matches("${aws:TagKeys, 'nobody'}", "nobody")) << "several values are not none";
  EXPECT_FALSE(Matches("${aws:userid, '*'}", "anybody")) << "a default is plain text";
}

TEST(PatternTest, EscapesAreThePlainCharacters) {
  EXPECT_TRUE(Matches("a${*}b*", "a*bc"));
  EXPECT_FALSE(Matches("a${*}b*", "axbc"));
  EXPECT_TRUE(Matches("a${?}", "a?"));
  EXPECT_FALSE(Matches("a${?}", "ab"));
  EXPECT_TRUE(Matches("${$}{aws:username}", "${aws:username}"));
  EXPECT_TRUE(Matches("5$ and $5", "5$ and $5"));
}

TEST(PatternTest, WithoutVariablesTheirTextIsPlain) {
  EXPECT_TRUE(Matches("${aws:username}", "${aws:username}", {.variables = Variables::kPlainText}));
  EXPECT_FALSE(Matches("${aws:username}", "alice", {.variables = Variables::kPlainText}));
  EXPECT_TRUE(Matches("${*}", "${anything}", {.variables = Variables::kPlainText}));
}

TEST(PatternTest, WhatIsNoVariableIsRefusedWithTheMend) {
  EXPECT_NE(Problem("a${aws:username").find("no closing }"), std::string::npos);
  EXPECT_NE(Problem("${username}").find("names no condition key"), std::string::npos);
  EXPECT_NE(Problem("${}").find("names no condition key"), std::string::npos);
  EXPECT_NE(Problem("${aws:username,'x'}").find("${aws:username, 'value'}"), std::string::npos);
  EXPECT_NE(Problem("${aws:username, x}").find("${aws:username, 'value'}"), std::string::npos);
}

TEST(PatternTest, MoreVariablesThanTheMaximumAreRefused) {
  std::string most;
  for (size_t i = 0; i < Pattern::kVariablesMax; ++i) most += "${aws:username}";
  EXPECT_FALSE(Matches(most, "alice"));
  EXPECT_NE(Problem(most + "${aws:username}").find("more than 16"), std::string::npos);
}

TEST(PatternTest, ItNamesTheKeysOfItsVariables) {
  std::string problem;
  const auto pattern = Pattern::Compile("a${aws:UserName}${ssm:x, 'y'}${*}", {}, problem);
  ASSERT_TRUE(pattern.has_value());
  ASSERT_EQ(pattern->variables().size(), 2u);
  EXPECT_EQ(pattern->variables()[0].name(), "aws:username");
  EXPECT_EQ(pattern->variables()[1].name(), "ssm:x");
}

// With one retry for each way to share the text between 40 stars this would outlast the universe.
TEST(PatternTest, ManyStarsAgainstATextThatAlmostMatchesEnd) {
  std::string stars;
  for (int i = 0; i < 40; ++i) stars += "*a?";
  const std::string text(2'000, 'a');
  EXPECT_TRUE(Matches(stars + "*", text));
  EXPECT_FALSE(Matches(stars + "*b", text));
  EXPECT_FALSE(Matches(stars + "*b?", text));
  EXPECT_FALSE(Matches("*" + std::string(1'000, 'a') + "b*", text));
}

}  // namespace
}  // namespace relay::policy
