// Goal: a document allows exactly what its parameters say, and nothing else is a document.
// Method: each built-in document with good and bad parameters.

#include "relay/documents/builtin_documents.h"

#include <gtest/gtest.h>

#include "relay/documents/carriage_rule.h"
#include "relay/documents/resolve_document.h"

namespace relay {
namespace {

absl::StatusOr<SessionPlan> Resolve(std::string_view name, const ParameterValues& parameters) {
  const BuiltinDocument* builtin = FindBuiltinDocument(DocumentNameOf(name));
  if (builtin == nullptr) return absl::NotFoundError("");
  const absl::StatusOr<ResolvedSession> session =
      ResolveDocument({.document = builtin->document,
                       .preferences = *FindBuiltinDocument(kShellDocument)->document.inputs,
                       .parameters = parameters,
                       .run_as_tag = {}});
  if (!session.ok()) return session.status();
  return session->plan;
}

absl::StatusCode CodeOf(std::string_view name, const ParameterValues& parameters) {
  return Resolve(name, parameters).status().code();
}
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(Documents, NoNameAndTheShellDocumentAreAShell) {
  for (const char* name : {"", "SSM-SessionManagerRunShell",
                           "arn:aws:ssm:adit:000000000000:document/SSM-SessionManagerRunShell"}) {
    const auto plan = Resolve(name, {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(Describe(*plan), "shell");
  }
  EXPECT_EQ(CodeOf("", {{"command", {"ls"}}}), kInvalid);
}

TEST(Documents, CommandsAreTakenAsTheyAreWithAndWithoutTerminal) {
  const std::string command = "printf '%s\n' 'a b' \"$x\"";
  const auto plain = Resolve("AWS-StartNonInteractiveCommand", {{"command", {command}}});
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->kind, SessionKind::kExec);
  EXPECT_EQ(plain->command, command);
  EXPECT_FALSE(plain->with_terminal);
  const auto terminal = Resolve("AWS-StartInteractiveCommand", {{"command", {"top"}}});
  EXPECT_TRUE(terminal->with_terminal);
  EXPECT_EQ(Describe(*terminal), "exec -t top");
}

TEST(Documents, APortIsForwardedOnTheNodeOrToAHostBehindIt) {
  const auto local = Resolve("AWS-StartPortForwardingSession",
                             {{"portNumber", {"5432"}}, {"localPortNumber", {"0"}}});
  ASSERT_TRUE(local.ok()) << local.status();
  EXPECT_EQ(Describe(*local), "tcp localhost:5432");
  const auto remote = Resolve("AWS-StartPortForwardingSessionToRemoteHost",
                              {{"host", {"db.internal"}}, {"portNumber", {"65535"}}});
  ASSERT_TRUE(remote.ok()) << remote.status();
  EXPECT_EQ(Describe(*remote), "tcp db.internal:65535");
  EXPECT_EQ(Resolve("AWS-StartPortForwardingSession", {})->port, 80);
}

TEST(Documents, UnknownNamesAreNotFound) {
  for (const char* name : {"Nothing", "AWS-RunShellScript", "ssm-sessionmanagerrunshell",
                           "arn:aws:ssm:adit:0:parameter/SSM-SessionManagerRunShell"}) {
    EXPECT_EQ(CodeOf(name, {}), absl::StatusCode::kNotFound) << name;
  }
}

TEST(Documents, NamesOfTheProviderAreReservedInAnyCase) {
  for (const char* name : {"AWS-x", "aws-x", "Amazon.x", "AMZN", "AWS-StartSSHSession"}) {
    EXPECT_TRUE(IsReservedName(name)) << name;
  }
  for (const char* name : {"x-AWS-", "AWSome", "SSM-SessionManagerRunShell"}) {
    EXPECT_FALSE(IsReservedName(name)) << name;
  }
}

TEST(Documents, ParametersOutsideTheirLimitsAreInvalid) {
  const char* forward = "AWS-StartPortForwardingSession";
  for (const char* port : {"", "0", "65536", "99999", "080", "-1", "80 ", "http", "8 0", "0x50"}) {
    EXPECT_EQ(CodeOf(forward, {{"portNumber", {port}}}), kInvalid) << port;
  }
  EXPECT_EQ(CodeOf(forward, {{"portNumber", {"80", "81"}}}), kInvalid);
  EXPECT_EQ(CodeOf(forward, {{"portNumber", {}}}), kInvalid);
  EXPECT_EQ(CodeOf(forward, {{"host", {"db"}}}), kInvalid);
  EXPECT_EQ(CodeOf(forward, {{"localPortNumber", {"70000"}}}), kInvalid);
  const char* remote = "AWS-StartPortForwardingSessionToRemoteHost";
  EXPECT_EQ(Describe(*Resolve(remote, {})), "tcp localhost:80");  // As AWS has it.
  for (const std::string& host : {std::string(), std::string("a b"), std::string("a;b"),
                                  std::string("-a"), std::string("a\nb"), std::string(254, 'a')}) {
    EXPECT_EQ(CodeOf(remote, {{"host", {host}}}), kInvalid) << host;
  }
  EXPECT_EQ(CodeOf(remote, {{"host", {"::1"}}, {"portNumber", {"22"}}}), absl::StatusCode::kOk);
  const char* command = "AWS-StartNonInteractiveCommand";
  EXPECT_EQ(CodeOf(command, {}), kInvalid);
  EXPECT_EQ(CodeOf(command, {{"command", {""}}}), kInvalid);
  EXPECT_EQ(CodeOf(command, {{"command", {std::string("a\0b", 3)}}}), kInvalid);
  EXPECT_EQ(CodeOf(command, {{"command", {std::string(8 * 1024, 'c')}}}), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(command, {{"command", {std::string(8 * 1024 + 1, 'c')}}}), kInvalid);
}

TEST(Documents, WhoDoesNotAskForACarriageIsInspected) {
  EXPECT_EQ(*ChooseCarriage(CarriageRule::kEither, std::nullopt), Carriage::kInspected);
  EXPECT_EQ(*ChooseCarriage(CarriageRule::kEither, Carriage::kInspected), Carriage::kInspected);
  EXPECT_EQ(*ChooseCarriage(CarriageRule::kEither, Carriage::kSealed), Carriage::kSealed);
}

TEST(Documents, ACarriageThatADocumentDoesNotAllowIsRefusedAndNeverReplaced) {
  const auto refused = [](CarriageRule rule, std::optional<Carriage> asked) {
    return absl::IsFailedPrecondition(ChooseCarriage(rule, asked).status());
  };
  EXPECT_TRUE(refused(CarriageRule::kSealedOnly, Carriage::kInspected));
  EXPECT_TRUE(refused(CarriageRule::kSealedOnly, std::nullopt));
  EXPECT_EQ(*ChooseCarriage(CarriageRule::kSealedOnly, Carriage::kSealed), Carriage::kSealed);
  EXPECT_EQ(*ChooseCarriage(CarriageRule::kKeyed, Carriage::kSealed), Carriage::kSealed);
  // A client that does not say, as those of AWS do not, encrypts what it says.
  EXPECT_EQ(*ChooseCarriage(CarriageRule::kKeyed, std::nullopt), Carriage::kInspected);
  EXPECT_FALSE(ChooseCarriage(CarriageRule::kKeyed, Carriage::kInspected).ok());
}

TEST(Documents, WhoLeavesItToTheDocumentIsSealedWhereThatIsDemanded) {
  EXPECT_EQ(SealIfDemanded(CarriageRule::kEither), Carriage::kInspected);
  for (const CarriageRule rule : {CarriageRule::kKeyed, CarriageRule::kSealedOnly}) {
    EXPECT_TRUE(ChooseCarriage(rule, SealIfDemanded(rule)).ok());
    EXPECT_EQ(SealIfDemanded(rule), Carriage::kSealed);
  }
}

}  // namespace
}  // namespace relay
