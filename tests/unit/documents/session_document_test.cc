// Goal: only documents of schema 1.0 are taken, and what is wrong is named.
// Method: one good document of each type; each wrong in one place.

#include "relay/documents/session_document.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

DocumentJson Parse(const char* text) { return *ReadDocumentText(DocumentFormat::kJson, text); }

DocumentJson Preferences() {
  return Parse(
      R"({"schemaVersion":"1.0","description":"d","sessionType":"Standard_Stream","inputs":{
    "s3BucketName":"b","s3KeyPrefix":"p","s3EncryptionEnabled":"true","cloudWatchLogGroupName":"g",
    "cloudWatchEncryptionEnabled":"","cloudWatchStreamingEnabled":true,"kmsKeyId":"k",
    "runAsEnabled":true,"runAsDefaultUser":"ops","idleSessionTimeout":"15",
    "maxSessionDuration":240,"shellProfile":{"windows":"w","linux":"exec bash -l"}}})");
}

DocumentJson Command() {
  return Parse(R"({"schemaVersion":"1.0","sessionType":"InteractiveCommands","parameters":{
    "unit":{"type":"String","allowedPattern":"[a-z]+","default":"nginx","minChars":1,"maxChars":"9"},
    "flags":{"type":"StringList","allowedValues":["-a","-b"],"default":["-a"]}},
    "properties":{"linux":{"commands":"journalctl -u {{ unit }} {{flags}}","runAsElevated":false}}})");
}

std::string Problem(const DocumentJson& json) {
  return std::string(ReadSessionDocument(json).status().message());
}

TEST(SessionDocument, PreferencesAreRead) {
  const auto document = ReadSessionDocument(Preferences());
  ASSERT_TRUE(document.ok()) << document.status();
  const SessionInputs& inputs = *document->inputs;
  EXPECT_TRUE(inputs.s3_encryption_enabled);
  EXPECT_FALSE(inputs.cloudwatch_encryption_enabled);
  EXPECT_TRUE(inputs.cloudwatch_streaming_enabled);
  EXPECT_EQ(inputs.idle_minutes_max, 15U);
  EXPECT_EQ(inputs.duration_minutes_max, 240U);
  EXPECT_EQ(inputs.run_as_default_user, "ops");
  EXPECT_EQ(inputs.linux_profile, "exec bash -l");
}

TEST(SessionDocument, TimesHaveTheLimitsOfAws) {
  const std::pair<const char*, DocumentJson> wrong[] = {{"idleSessionTimeout", "0"},
                                                        {"idleSessionTimeout", "61"},
                                                        {"idleSessionTimeout", "1.5"},
                                                        {"maxSessionDuration", "0"},
                                                        {"maxSessionDuration", 1441},
                                                        {"maxSessionDuration", "x"},
                                                        {"runAsDefaultUser", "root"},
                                                        {"runAsEnabled", "yes"},
                                                        {"cloudWatchStreamingEnabled", "true"},
                                                        {"shellProfile", "text"},
                                                        {"kmsKeyId", false},
                                                        {"unknown", ""},
                                                        {"kmsKeyId", "{{ nothing }}"},
                                                        {"kmsKeyId", "{{ssm:key}}"}};
  for (const auto& [name, value] : wrong) {
    DocumentJson json = Preferences();
    json["inputs"][name] = value;
    EXPECT_NE(Problem(json).find(name), std::string::npos) << name << value << Problem(json);
  }
  for (const char* edge : {"1", "60", ""}) {
    DocumentJson json = Preferences();
    json["inputs"]["idleSessionTimeout"] = edge;
    EXPECT_EQ(Problem(json), "");
  }
}

TEST(SessionDocument, CommandsAndTheirParametersAreRead) {
  const auto document = ReadSessionDocument(Command());
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->platforms, std::vector<std::string>{"Linux"});
  ASSERT_EQ(document->parameters.size(), 2U);
  EXPECT_TRUE(document->parameters[1].is_list);
}

TEST(SessionDocument, WhatIsWrongIsNamed) {
  const auto broken = [](const char* pointer, const DocumentJson& value) {
    DocumentJson json = Command();
    json[DocumentJson::json_pointer(pointer)] = value;
    return Problem(json);
  };
  const std::tuple<const char*, DocumentJson, const char*> wrong[] = {
      {"/sessionType", "SSH", "sessionType"},
      {"/extra", 1, "extra"},
      {"/parameters/unit/type", "Integer", "parameters.unit.type"},
      {"/parameters/unit/allowedPattern", "(a", "parameters.unit.allowedPattern"},
      {"/parameters/unit/allowedPattern", "(a)\\1", "parameters.unit.allowedPattern"},
      {"/parameters/unit/default", "Nginx", "parameters.unit.default"},
      {"/parameters/unit/default", DocumentJson::array({"a"}), "parameters.unit.default"},
      {"/parameters/unit/maxChars", 2, "parameters.unit.default"},
      {"/parameters/flags/default", DocumentJson::array({"-c"}), "parameters.flags.default"},
      {"/parameters/b d", {{"type", "String"}}, "parameters.b d"},
      {"/properties/linux/commands", "x {{ missing }}", "{{ missing }}"},
      {"/properties/linux/commands", "", "properties.linux.commands"},
      {"/properties/linux/runAsElevated", "maybe", "properties.linux.runAsElevated"},
      {"/properties/linux/stdOutSeparatorPrefix", "a b", "stdOutSeparatorPrefix"},
      {"/properties/linux/shell", "x", "properties.linux.shell"},
      {"/properties", DocumentJson::object(), "properties"},
      {"/properties/solaris", DocumentJson::object(), "properties.solaris"}};
  for (const auto& [pointer, value, name] : wrong) {
    EXPECT_NE(broken(pointer, value).find(name), std::string::npos)
        << pointer << " " << value << ": " << broken(pointer, value);
  }
  DocumentJson json = Command();
  json["schemaVersion"] = "2.2";
  EXPECT_TRUE(absl::IsUnimplemented(ReadSessionDocument(json).status()));
  json = Command();
  json["sessionType"] = "NonInteractiveCommands";
  json["properties"]["linux"]["commands"] = "echo 'open";
  EXPECT_NE(Problem(json).find("open '"), std::string::npos);
  json = Preferences();
  json.erase("inputs");
  EXPECT_NE(Problem(json).find("inputs"), std::string::npos);
}

TEST(SessionDocument, APatternHoldsForTheWholeValueAndTakesLinearTime) {
  DocumentParameter parameter;
  parameter.name = "p";
  parameter.allowed_pattern = *ValuePattern::Compile("(a+)+b?|c");
  EXPECT_TRUE(CheckValues(parameter, {"aaab"}).ok());
  for (const char* value : {"aaabx", "xaaab", "aaab\n", "", "cc"}) {
    EXPECT_FALSE(CheckValues(parameter, {value}).ok()) << value;
  }
  // Would take longer than the world lasts by backtracking.
  EXPECT_FALSE(CheckValues(parameter, {std::string(8000, 'a') + "!"}).ok());
  EXPECT_FALSE(ValuePattern::Compile(std::string(ValuePattern::kSizeMax + 1, 'a')).ok());
  EXPECT_FALSE(ValuePattern::Compile("((a{1000}){1000}){1000}").ok());
}

TEST(SessionDocument, CharactersAreCountedNotBytes) {
  DocumentParameter parameter;
  parameter.name = "p";
  parameter.chars_min = 2;
  parameter.chars_max = 3;
  EXPECT_TRUE(CheckValues(parameter, {"\xC3\xA9\xC3\xA9\xC3\xA9"}).ok());
  for (const std::string& value : {std::string("\xC3\xA9"), std::string("aaaa"),
                                   std::string("a\0b", 3), std::string("\xFF\xFF")}) {
    EXPECT_FALSE(CheckValues(parameter, {value}).ok());
  }
}

}  // namespace
}  // namespace relay
