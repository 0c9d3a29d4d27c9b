// Goal: what a session was allowed by can be asked again by another process, and what another
// release wrote is told from it.

#include "relay/access/access_case_text.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

AccessCase Asked() {
  AccessCase asked;
  asked.caller = {.access_key_id = "ASIA1",
                  .user_name = "build",
                  .principal = "arn:aws:sts::000000000000:assumed-role/night/build",
                  .entity_id = "AROA1",
                  .region = "adit",
                  .temporary = TemporarySession{.role_arn = "arn:aws:iam::000000000000:role/night",
                                                .name = "build",
                                                .issued_unix_ms = 1'700'000'000'000,
                                                .mfa_unix_ms = 1'700'000'000'001,
                                                .policies = {"{}"},
                                                .policy_arns = {"arn:p"},
                                                .tags = {{"team", "db"}},
                                                .transitive_tag_keys = {"team"},
                                                .source_identity = "alice",
                                                .issuer_key_id = "AKIA1"}};
  asked.source_ip = "192.0.2.7";
  asked.user_agent = "adit/0.1.0";
  asked.asked_unix_ms = 1'700'000'000'002;
  asked.question.action = "ssm:StartSession";
  asked.question.resources = {{.arn = "arn:node", .tag_owner = "mi-1", .tags = {{"env", "dev"}}},
                              {.arn = "arn:document"}};
  asked.question.keys = {{"adit:RemoteHost", {"db"}}, {"aws:TagKeys", {"a", "b"}}};
  asked.question.named_key = "adit:RemoteHost";
  asked.question.trust_role_id = "AROA2";
  return asked;
}

TEST(AccessCaseText, IsReadAsItWasWrittenWithoutTheTagsOfResources) {
  for (const bool is_temporary : {true, false}) {
    AccessCase asked = Asked();
    if (!is_temporary) asked.caller.temporary.reset();
    const std::string text = WriteAccessCase(asked);
    EXPECT_EQ(text.find("dev"), std::string::npos);
    const std::optional<AccessCase> read = ReadAccessCase(text);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(WriteAccessCase(*read), text);
    EXPECT_EQ(read->caller.temporary.has_value(), is_temporary);
    EXPECT_EQ(read->caller.UserId(), asked.caller.UserId());
    ASSERT_EQ(read->question.resources.size(), 2u);
    EXPECT_EQ(read->question.resources[0].tag_owner, "mi-1");
    EXPECT_EQ(read->question.keys, asked.question.keys);
    EXPECT_EQ(read->asked_unix_ms, asked.asked_unix_ms);
  }
}

TEST(AccessCaseText, WhatIsNoneIsNotRead) {
  const std::string text = WriteAccessCase(Asked());
  for (const std::string& wrong :
       {std::string(), std::string("{}"), std::string("[]"), text.substr(1), text + "}"}) {
    EXPECT_FALSE(ReadAccessCase(wrong).has_value()) << wrong;
  }
  for (const char* member : {"\"key\"", "\"question\"", "\"asked\"", "\"issued\"", "\"tags\"",
                             "\"resources\"", "\"arn\"", "\"are\"", "\"policies\""}) {
    std::string without = text;
    without.replace(without.find(member) + 1, 1, "_");
    EXPECT_FALSE(ReadAccessCase(without).has_value()) << member;
  }
}

}  // namespace
}  // namespace relay
