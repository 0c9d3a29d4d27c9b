// Goal: JSON and YAML mean the same, survive a round trip, and what is hostile is refused.
// Method: pairs of texts; texts that are wrong in one way each.

#include "relay/documents/document_text.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

constexpr auto kJson = DocumentFormat::kJson;
constexpr auto kYaml = DocumentFormat::kYaml;

TEST(DocumentText, YamlAndJsonReadAsTheSame) {
  const auto json = ReadDocumentText(
      kJson, R"({"a":"1.0","b":20,"c":true,"d":null,"e":["x","020"],"f":{"g":"l1\nl2\n"}})");
  const auto yaml = ReadDocumentText(
      kYaml, "a: 1.0\nb: 20\nc: true\nd: ~\ne: [x, 020]\nf:\n  g: |\n    l1\n    l2\n");
  ASSERT_TRUE(json.ok()) << json.status();
  ASSERT_TRUE(yaml.ok()) << yaml.status();
  EXPECT_EQ(*json, *yaml);
}

TEST(DocumentText, WhatIsWrittenReadsAsTheSame) {
  const DocumentJson document = {
      {"z", "true"},
      {"a", "20"},
      {"n", 20},
      {"t", true},
      {"nothing", nullptr},
      {"empty", ""},
      {"odd key: #", "{{ x }}"},
      {"20", "key"},
      {"text", "a\n\"b\" 'c' \\ \t \xC3\xA9 # no"},
      {"list", {"", "~", DocumentJson::object(), DocumentJson::array()}}};
  for (const DocumentFormat format : {kJson, kYaml}) {
    const auto read = ReadDocumentText(format, WriteDocumentText(format, document));
    ASSERT_TRUE(read.ok()) << read.status() << WriteDocumentText(format, document);
    EXPECT_EQ(read->dump(), document.dump());  // The order of members, too.
  }
}

TEST(DocumentText, BadTextsAreRefusedWithAReason) {
  const std::pair<DocumentFormat, std::string> bad[] = {{kJson, ""},
                                                        {kJson, "{"},
                                                        {kJson, "[]"},
                                                        {kJson, "1"},
                                                        {kJson, R"({"a":1,"a":2})"},
                                                        {kJson, R"({"a":{"b":1,"b":2}})"},
                                                        {kJson, "{} {}"},
                                                        {kJson, std::string("{}\0{", 4)},
                                                        {kJson, "{\"a\":\"\xFF\"}"},
                                                        {kYaml, ""},
                                                        {kYaml, "- a"},
                                                        {kYaml, "a: 1\na: 2"},
                                                        {kYaml, "a: &x 1\nb: *x"},
                                                        {kYaml, "a: !!str 1"},
                                                        {kYaml, "a: 1\n---\nb: 2"},
                                                        {kYaml, "a: [1"},
                                                        {kYaml, "a: \xFF"},
                                                        {kYaml, "? [a]\n: b"},
                                                        {kYaml, "a: !x {}"},
                                                        {kYaml, "a: \"\\q\""},
                                                        {kYaml, "a: \"\\_\""},
                                                        {kYaml, "\"\\N\": a"},
                                                        {kYaml, "\t"}};
  for (const auto& [format, text] : bad) {
    const auto read = ReadDocumentText(format, text);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << text;
    EXPECT_FALSE(read.status().message().empty());
  }
}

TEST(DocumentText, YamlHoldsNoControlCharacterButAsAnEscape) {
  using namespace std::string_literals;
  for (const std::string& text : {"a: b\0c\n"s, "{a.\"\0b\x01: 1}"s, "\x1b: a\n"s}) {
    const auto read = ReadDocumentText(DocumentFormat::kYaml, text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_NE(read.status().message().find("control character"), std::string::npos);
  }
  EXPECT_EQ((*ReadDocumentText(DocumentFormat::kYaml, "a: \"\\x01\\t\"\n"))["a"], "\x01\t");
  EXPECT_TRUE(ReadDocumentText(DocumentFormat::kYaml, "a: \"\x7f\"\n").ok()) << "JSON has it, too";
}

TEST(DocumentText, NamesAreBoundedSoThatWhatIsWrittenCanBeRead) {
  // Each of these bytes is written as four.
  const DocumentJson longest = {{std::string(kDocumentNameSizeMax, '\x01'), "x"}};
  for (const DocumentFormat format : {DocumentFormat::kJson, DocumentFormat::kYaml}) {
    const auto read = ReadDocumentText(format, WriteDocumentText(format, longest));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, longest);
    const DocumentJson longer = {{"a", {{std::string(kDocumentNameSizeMax + 1, 'x'), 1}}}};
    EXPECT_TRUE(absl::IsInvalidArgument(
        ReadDocumentText(format, WriteDocumentText(format, longer)).status()));
  }
}

TEST(DocumentText, DepthAndSizeAreBounded) {
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  for (const DocumentFormat format : {kJson, kYaml}) {
    EXPECT_TRUE(ReadDocumentText(format, nested(kDocumentDepthMax)).ok());
    EXPECT_FALSE(ReadDocumentText(format, nested(kDocumentDepthMax + 1)).ok());
    EXPECT_FALSE(ReadDocumentText(format, nested(20'000)).ok());
    const std::string just = "{\"a\":\"" + std::string(kDocumentSizeMax - 8, 'x') + "\"}";
    EXPECT_TRUE(ReadDocumentText(format, just).ok());
    EXPECT_TRUE(absl::IsOutOfRange(ReadDocumentText(format, just + " ").status()));
  }
}

}  // namespace
}  // namespace relay
