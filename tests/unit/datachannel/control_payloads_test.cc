#include "engine/datachannel/control_payloads.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/datachannel/agent_message.h"

namespace engine::datachannel {
namespace {

using Json = nlohmann::json;

Json ContentOf(const StartTask& task) {
  const Json whole = Json::parse(Encode(task));
  EXPECT_EQ(whole["TaskId"], task.session_id);
  EXPECT_EQ(whole["SchemaVersion"], 1);
  EXPECT_TRUE(whole["Content"].is_string()) << "JSON in a text of JSON (P8)";
  return Json::parse(whole["Content"].get<std::string>());
}

TEST(StartTask, AShellHasEveryInputWithTheTypeThatAgentsInsistOn) {
  const Json content = ContentOf({.session_id = "alice-1",
                                  .document_name = "Shell",
                                  .owner = "arn:alice",
                                  .run_as = "ops",
                                  .type = kSessionShell,
                                  .profile = "exec bash"});
  EXPECT_EQ(content["SessionId"], "alice-1");
  EXPECT_EQ(content["SessionOwner"], "arn:alice");
  EXPECT_EQ(content["RunAsUser"], "ops");
  EXPECT_TRUE(content["Parameters"].is_object());
  const Json& document = content["DocumentContent"];
  EXPECT_EQ(document["schemaVersion"], "1.0");
  EXPECT_EQ(document["sessionType"], "Standard_Stream");
  EXPECT_TRUE(document["inputs"]["cloudWatchStreamingEnabled"].is_boolean()) << "P9";
  EXPECT_EQ(document["inputs"]["runAsEnabled"], true);
  EXPECT_EQ(document["inputs"]["kmsKeyId"], "");
  for (const char* platform : {"linux", "windows"}) {
    EXPECT_EQ(document["inputs"]["shellProfile"][platform], "exec bash");
  }
}

TEST(StartTask, ACommandIsOneTextForEveryPlatform) {
  const Json content = ContentOf({.session_id = "s",
                                  .type = kSessionNonInteractive,
                                  .command = "echo '{{ x }}' $$",
                                  .separates_output = true});
  const Json& properties = content["DocumentContent"]["properties"];
  for (const char* platform : {"linux", "windows", "macos"}) {
    EXPECT_EQ(properties[platform]["commands"], "echo '{{ x }}' $$");
    EXPECT_EQ(properties[platform]["runAsElevated"], false);
    EXPECT_EQ(properties[platform]["separateOutputStream"], true);
  }
}

TEST(StartTask, APortsPropertiesAreTexts) {
  const Json content = ContentOf({.session_id = "s",
                                  .type = kSessionPort,
                                  .port = PortProperties{.port_number = "80",
                                                         .local_port_number = "0",
                                                         .type = kLocalPortForwarding,
                                                         .host = "db"}});
  const Json& properties = content["DocumentContent"]["properties"];
  EXPECT_EQ(properties["portNumber"], "80");
  EXPECT_EQ(properties["host"], "db");
  EXPECT_EQ(properties["type"], "LocalPortForwarding");
}

TEST(OpenControlChannel, WhatAnAgentSaysIsRead) {
  OpenControlChannel open;
  ASSERT_TRUE(Decode(R"({"Cookie":null,"MessageSchemaVersion":"1.0","RequestId":"r",)"
                     R"("TokenValue":"t","AgentVersion":"3.3.0.0","PlatformType":"linux"})",
                     open));
  EXPECT_EQ(open.token, "t");
  EXPECT_EQ(open.agent_version, "3.3.0.0");
  EXPECT_EQ(open.platform_type, "linux");
  EXPECT_FALSE(Decode("[]", open));
  EXPECT_FALSE(Decode(R"({"AgentVersion":7})", open));
  EXPECT_FALSE(Decode(std::string(kOpenControlChannelSizeMax + 1, ' ') + "{}", open));
}

TEST(TaskComplete, IsReadAndAcknowledgedByItsMessagesId) {
  TaskComplete task;
  ASSERT_TRUE(Decode(AsBytes(R"({"SchemaVersion":1,"TaskId":"s","Topic":"agent_task_complete",)"
                             R"("FinalTaskStatus":"Failed","IsRoutingFailure":false,)"
                             R"("Output":"no shell"})"),
                     task));
  EXPECT_EQ(task.task_id, "s");
  EXPECT_EQ(task.status, "Failed");
  EXPECT_EQ(task.output, "no shell");
  const Json answer = Json::parse(EncodeTaskAcknowledge(task, "id"));
  EXPECT_EQ(answer, Json({{"SchemaVersion", 1},
                          {"MessageId", "id"},
                          {"TaskId", "s"},
                          {"Topic", "agent_task_complete"}}));
  EXPECT_FALSE(
      Decode(AsBytes(R"({"Output":")" + std::string(kTaskOutputMax + 1, 'x') + "\"}"), task));
}

// Trap P6: agents take XML here, and 201 alone (support/original_agent.py checks that).
TEST(ChannelCreated, IsXmlWithTheToken) {
  const std::string text = ChannelCreatedText("abc");
  EXPECT_NE(text.find("<TokenValue>abc</TokenValue>"), std::string::npos);
  EXPECT_NE(text.find("<MessageSchemaVersion>1.0</MessageSchemaVersion>"), std::string::npos);
}

TEST(AgentMessage, TypesOfTheControlChannelHaveTheirNames) {
  EXPECT_EQ(Name(MessageType::kStartTask), "interactive_shell");
  EXPECT_EQ(Name(MessageType::kTaskComplete), "agent_task_complete");
  EXPECT_EQ(Name(MessageType::kTaskAcknowledge), "agent_task_acknowledge");
}

}  // namespace
}  // namespace engine::datachannel
