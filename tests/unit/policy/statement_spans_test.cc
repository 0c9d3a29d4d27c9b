// Goal: a statement is found where it stands, however its policy is written.
// Method: texts in which a search for brackets or names alone goes wrong.

#include "relay/policy/statement_spans.h"

#include <gtest/gtest.h>

#include <string>

#include "relay/policy/policy_document.h"

namespace relay::policy {
namespace {

std::string Shown(std::string_view text) {
  std::string shown;
  for (const TextSpan& span : StatementSpans(text)) {
    shown += std::to_string(span.begin.line) + ":" + std::to_string(span.begin.column) + "-" +
             std::to_string(span.end.line) + ":" + std::to_string(span.end.column) + " ";
  }
  return shown;
}

TEST(StatementSpans, OneStatementOrAList) {
  EXPECT_EQ(Shown(R"({"Statement":{"Effect":"Allow"}})"), "1:14-1:32 ");
  EXPECT_EQ(Shown("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n    },{}\n  ]\n}"),
            "4:5-5:6 5:7-5:9 ");
}

TEST(StatementSpans, TextsWithBracketsQuotesAndNamesDoNotConfuse) {
  EXPECT_EQ(Shown(R"({"Id":"Statement","Statement":[{"Sid":"]}\"{","Condition":{"a":{}}}]})"),
            "1:32-1:68 ");
  EXPECT_EQ(Shown(R"({"\u0053tatement":{}, "Id":"{}"})"), "1:19-1:21 ") << "an escaped name";
  EXPECT_EQ(Shown("{\"Id\":\"\xC3\xA4\xE2\x82\xAC\",\"Statement\":{}}"), "1:24-1:26 ")
      << "characters, not bytes";
}

TEST(StatementSpans, AReadPolicyKnowsThem) {
  const auto policy = PolicyDocument::Parse(
      "{\"Version\":\"2012-10-17\",\n\"Statement\":[\n"
      "{\"Effect\":\"Allow\",\"Action\":\"a:B\",\"Resource\":\"*\"},\n"
      "  {\"Effect\":\"Deny\",\"Action\":\"a:C\",\"Resource\":\"*\"}]}",
      DocumentKind::kIdentity);
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->statements()[0].span.begin.line, 3u);
  EXPECT_EQ(policy->statements()[1].span.begin.line, 4u);
  EXPECT_EQ(policy->statements()[1].span.begin.column, 3u);
}

}  // namespace
}  // namespace relay::policy
