// Goal: a session is what its document, its parameters and the preferences say, and no more.
// Method: documents of each type, with and without preferences of their own.

#include "relay/documents/resolve_document.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

SessionDocument Document(const std::string& text) {
  const auto json = ReadDocumentText(DocumentFormat::kYaml, text);
  EXPECT_TRUE(json.ok()) << json.status();
  auto document = ReadSessionDocument(*json);
  EXPECT_TRUE(document.ok()) << document.status();
  return *std::move(document);
}

constexpr char kShell[] = R"(
schemaVersion: "1.0"
sessionType: Standard_Stream
parameters:
  who: {type: String, default: ops}
inputs:
  runAsEnabled: true
  runAsDefaultUser: "{{ who }}"
  idleSessionTimeout: 5
  maxSessionDuration: 60
  shellProfile: {linux: "cd /srv"}
)";

absl::StatusOr<ResolvedSession> Resolve(const SessionDocument& document,
                                        const ParameterValues& parameters = {},
                                        const SessionInputs& preferences = {},
                                        const std::string& tag = {}) {
  return ResolveDocument({.document = document,
                          .preferences = preferences,
                          .parameters = parameters,
                          .run_as_tag = tag});
}

TEST(ResolveDocument, AShellHasTheLimitsProfileAndUserOfItsDocument) {
  const auto session = Resolve(Document(kShell));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->plan.kind, SessionKind::kShell);
  EXPECT_EQ(session->plan.profile, "cd /srv");
  EXPECT_EQ(session->run_as, "ops");
  EXPECT_EQ(session->idle_seconds_max, 300U);
  EXPECT_EQ(session->duration_seconds_max, 3600U);
}

TEST(ResolveDocument, TheTagOfThePrincipalNamesTheUserFirst) {
  EXPECT_EQ(Resolve(Document(kShell), {}, {}, "alice")->run_as, "alice");
}

TEST(ResolveDocument, RootAndNobodyAreRefused) {
  const SessionDocument document = Document(kShell);
  EXPECT_TRUE(absl::IsFailedPrecondition(Resolve(document, {{"who", {"root"}}}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Resolve(document, {}, {}, "root").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Resolve(document, {{"who", {""}}}).status()));
}

TEST(ResolveDocument, AKeyOfTheCustomersWantsWhatTheRelayCannotRead) {
  EXPECT_EQ(Resolve(Document(kShell))->carriages, CarriageRule::kEither);
  SessionInputs preferences;
  preferences.kms_key_id = "alias/sessions";
  const SessionDocument port = Document(R"(
schemaVersion: "1.0"
sessionType: Port
properties: {portNumber: "80"}
)");
  EXPECT_EQ(Resolve(port, {}, preferences)->carriages, CarriageRule::kSealedOnly);
  EXPECT_EQ(Resolve(port, {}, preferences)->plan.key_id, "");

  // AWS's clients encrypt what is no port.
  const auto command = Resolve(Document(R"(
schemaVersion: "1.0"
sessionType: InteractiveCommands
properties: {linux: {commands: "id"}}
)"),
                               {}, preferences);
  EXPECT_EQ(command->carriages, CarriageRule::kKeyed);
  EXPECT_EQ(command->plan.key_id, "alias/sessions");
}

TEST(ResolveDocument, OtherTypesHaveThePreferencesOfTheAdministrator) {
  SessionInputs preferences;
  preferences.run_as_enabled = true;
  preferences.run_as_default_user = "ops";
  preferences.idle_minutes_max = 7;
  preferences.duration_minutes_max = 9;
  preferences.linux_profile = "never typed into a command";
  const SessionDocument command = Document(R"(
schemaVersion: "1.0"
sessionType: InteractiveCommands
parameters: {unit: {type: String}}
properties: {linux: {commands: "systemctl status {{ unit }}"}})");
  const auto session = Resolve(command, {{"unit", {"a; b"}}}, preferences);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->run_as, "ops");
  EXPECT_EQ(session->idle_seconds_max, 420U);
  EXPECT_EQ(session->duration_seconds_max, 540U);
  EXPECT_EQ(session->plan.profile, "");
  EXPECT_TRUE(session->plan.with_shell);
  EXPECT_EQ(session->plan.command, "adit_1_unit='a; b'\nsystemctl status \"${adit_1_unit}\"");
}

TEST(ResolveDocument, ACommandWithoutATerminalIsNeverIdle) {
  const SessionDocument command = Document(R"(
schemaVersion: "1.0"
sessionType: NonInteractiveCommands
parameters: {path: {type: String}}
properties: {linux: {commands: "ls -l {{ path }}"}})");
  const auto session = Resolve(command, {{"path", {"/a b"}}});
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->idle_seconds_max, 0U);
  EXPECT_FALSE(session->plan.with_terminal);
  EXPECT_FALSE(session->plan.with_shell);
  EXPECT_EQ(session->plan.command, "ls -l '/a b'");
}

TEST(ResolveDocument, ACommandMayNotOutgrowItsMessage) {
  const SessionDocument command = Document(R"(
schemaVersion: "1.0"
sessionType: InteractiveCommands
parameters: {x: {type: String}}
properties: {linux: {commands: "echo {{ x }}"}})");
  EXPECT_FALSE(Resolve(command, {{"x", {std::string(8192, 'x')}}}).ok());
}

TEST(ResolveDocument, WhatNodesCannotDoIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Resolve(Document(R"(
schemaVersion: "1.0"
sessionType: InteractiveCommands
properties: {windows: {commands: dir}})"))
                                             .status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Resolve(Document(R"(
schemaVersion: "1.0"
sessionType: InteractiveCommands
properties: {linux: {commands: ls, runAsElevated: true}})"))
                                             .status()));
}

TEST(ResolveDocument, APortMayBeFixedOrAParameter) {
  const SessionDocument port = Document(R"(
schemaVersion: "1.0"
sessionType: Port
parameters: {p: {type: String, default: "443"}}
properties: {portNumber: "{{ p }}", host: intranet, type: LocalPortForwarding})");
  EXPECT_EQ(Describe(Resolve(port)->plan), "tcp intranet:443");
  for (const char* bad : {"0", "65536", "x", "", "4 3", "+1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Resolve(port, {{"p", {bad}}}).status())) << bad;
  }
}

}  // namespace
}  // namespace relay
