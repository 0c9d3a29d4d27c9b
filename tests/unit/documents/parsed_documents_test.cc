// Goal: a document is read once, as what its text says, and what is kept has an end.
// Method: texts with a few patterns, by their weight.

#include "relay/documents/parsed_documents.h"

#include <gtest/gtest.h>

#include <string>

namespace relay {
namespace {

std::string Text(const std::string& description) {
  return R"({"schemaVersion":"1.0","sessionType":"InteractiveCommands","description":")" +
         description +
         R"(","parameters":{"a":{"type":"String","allowedPattern":"[a-z]+"},)"
         R"("b":{"type":"String"}},"properties":{"linux":{"commands":"echo {{a}} {{b}}"}}})";
}

TEST(ParsedDocuments, ATextIsReadOnceAndAnotherOneIsAnotherDocument) {
  ParsedDocuments documents;
  const auto first = documents.Parse(DocumentFormat::kJson, Text("one"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*documents.Parse(DocumentFormat::kJson, Text("one")), *first);
  EXPECT_EQ(documents.weight(), 2u);
  const auto other = documents.Parse(DocumentFormat::kJson, Text("two"));
  EXPECT_EQ((*other)->description, "two");
  EXPECT_EQ((*first)->description, "one");
  // JSON of this kind is YAML, too, and is read by other rules.
  EXPECT_NE(*documents.Parse(DocumentFormat::kYaml, Text("one")), *first);
}

TEST(ParsedDocuments, WhatCannotBeReadIsNotKept) {
  ParsedDocuments documents;
  EXPECT_TRUE(absl::IsInvalidArgument(documents.Parse(DocumentFormat::kJson, "{").status()));
  EXPECT_EQ(documents.weight(), 0u);
}

TEST(ParsedDocuments, PastTheMaximumAllAreForgottenAndReadAnew) {
  ParsedDocuments documents;
  const auto first = documents.Parse(DocumentFormat::kJson, Text("0"));
  for (size_t i = 1; i < ParsedDocuments::kWeightMax / 2; ++i) {
    ASSERT_TRUE(documents.Parse(DocumentFormat::kJson, Text(std::to_string(i))).ok());
  }
  EXPECT_EQ(documents.weight(), ParsedDocuments::kWeightMax);
  ASSERT_TRUE(documents.Parse(DocumentFormat::kJson, Text("more")).ok());
  EXPECT_EQ(documents.weight(), 2u);
  EXPECT_EQ((*first)->description, "0") << "who holds one keeps it";
  EXPECT_NE(*documents.Parse(DocumentFormat::kJson, Text("0")), *first);
}

}  // namespace
}  // namespace relay
