#include "relay/originals/original_task.h"

#include <gtest/gtest.h>

#include <string>

namespace relay {
namespace {

using engine::CloseCode;

TEST(OriginalTask, AShellIsRunAsTheSessionsUserWithItsProfile) {
  const OriginalTask task = TaskOf(engine::EncodeOpen(engine::ShellRequest{
      .session_id = "s", .principal = "arn", .run_as = "ops", .size = {100, 30}, .profile = "ls"}));
  ASSERT_EQ(task.code, CloseCode::kNormal) << task.text;
  EXPECT_EQ(task.start.type, "Standard_Stream");
  EXPECT_EQ(task.start.run_as, "ops");
  EXPECT_EQ(task.start.owner, "arn");
  EXPECT_EQ(task.start.profile, "ls");
  EXPECT_TRUE(task.with_terminal);
  EXPECT_FALSE(task.shakes_hands);
  EXPECT_EQ(task.size.columns, 100);
}

TEST(OriginalTask, ACommandKeepsItsArguments) {
  engine::ExecRequest request{.session_id = "s", .arguments = {"sh", "-c", "echo 'a  b'"}};
  OriginalTask task = TaskOf(engine::EncodeOpen(request));
  EXPECT_EQ(task.start.type, "NonInteractiveCommands");
  EXPECT_EQ(task.start.command, R"(sh -c 'echo '\''a  b'\''')");
  EXPECT_TRUE(task.start.separates_output);
  EXPECT_TRUE(task.shakes_hands);
  request.with_terminal = true;
  task = TaskOf(engine::EncodeOpen(request));
  EXPECT_EQ(task.start.type, "InteractiveCommands");
  EXPECT_TRUE(task.with_terminal);
  EXPECT_FALSE(task.shakes_hands);
}

TEST(OriginalTask, APortIsOneThatMultiplexes) {
  const OriginalTask task =
      TaskOf(engine::EncodeOpen(engine::TcpRequest{.session_id = "s", .host = "db", .port = 5432}));
  ASSERT_EQ(task.code, CloseCode::kNormal) << task.text;
  EXPECT_TRUE(task.is_port);
  EXPECT_EQ(task.start.port->port_number, "5432");
  EXPECT_EQ(task.start.port->host, "db");
  EXPECT_EQ(task.start.port->type, "LocalPortForwarding");
}

TEST(OriginalTask, ALinkLocalAddressNeedsToBeNamed) {
  engine::TcpRequest request{.session_id = "s", .host = "169.254.169.254", .port = 80};
  EXPECT_EQ(TaskOf(engine::EncodeOpen(request)).code, CloseCode::kDenied);
  request.may_be_link_local = true;
  EXPECT_EQ(TaskOf(engine::EncodeOpen(request)).code, CloseCode::kNormal);
}

TEST(OriginalTask, ASessionThatPassesAsItIsIsWhatItsClientIsTold) {
  SessionGrant grant;
  grant.session_id = "s";
  grant.principal = "arn";
  grant.run_as = "ops";
  grant.plan.key_id = "alias/k";
  grant.client_terms.session_type = "Standard_Stream";
  OriginalTask task = TaskOf(grant);
  ASSERT_EQ(task.code, CloseCode::kNormal) << task.text;
  EXPECT_EQ(task.start.type, "Standard_Stream");
  EXPECT_EQ(task.start.run_as, "ops");
  EXPECT_NE(Encode(task.start).find(R"(kmsKeyId\":\"alias/k)"), std::string::npos)
      << Encode(task.start);
  grant = {};
  grant.plan = {.kind = engine::SessionKind::kExec, .command = "ls -l", .with_terminal = false};
  grant.client_terms = {.session_type = "NonInteractiveCommands",
                        .separates_output = true,
                        .output_prefix = "O:",
                        .error_prefix = "E:"};
  task = TaskOf(grant);
  EXPECT_EQ(task.start.command, "ls -l");
  EXPECT_EQ(task.start.error_prefix, "E:");
  grant = {};
  grant.plan = {.kind = engine::SessionKind::kTcp, .host = "169.254.169.254", .port = 80};
  grant.client_terms = {.session_type = "Port",
                        .port = engine::datachannel::PortProperties{.port_number = "80"}};
  EXPECT_EQ(TaskOf(grant).code, CloseCode::kDenied);
  grant.plan.may_be_link_local = true;
  task = TaskOf(grant);
  EXPECT_EQ(task.start.port->type, "") << "ssh's, over standard input and output";
}

// What a native client opens with a key would run in the clear.
TEST(OriginalTask, ASessionThatMustBeEncryptedIsNotRunForAStream) {
  const engine::StreamKey key{.key_id = "alias/k", .data_key = "AAAA"};
  for (const std::string& request : {
           engine::EncodeOpen(engine::ShellRequest{.session_id = "s", .key = key}),
           engine::EncodeOpen(
               engine::ExecRequest{.session_id = "s", .arguments = {"id"}, .key = key}),
       }) {
    const OriginalTask task = TaskOf(request);
    EXPECT_EQ(task.code, CloseCode::kDenied);
    EXPECT_NE(task.text.find("kmsKeyId"), std::string::npos) << task.text;
  }
}

TEST(OriginalTask, WhatItsAgentCannotBeToldIsRefused) {
  EXPECT_EQ(TaskOf("{").code, CloseCode::kUnsupported);
  const OriginalTask task = TaskOf(engine::EncodeOpen(
      engine::ExecRequest{.session_id = "s", .arguments = {"x", std::string(6'000, '\'')}}));
  EXPECT_EQ(task.code, CloseCode::kTooMany) << task.text;
}

}  // namespace
}  // namespace relay
