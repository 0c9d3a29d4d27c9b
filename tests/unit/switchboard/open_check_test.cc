// Goal: an open request passes only if it is exactly what the session's grant says, and reaches the
// agent under the relay's names, never the client's.
// Method: grants and requests of every kind against one another.

#include "relay/switchboard/open_check.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "engine/wire/command_line.h"
#include "engine/wire/control.h"

namespace relay {
namespace {

using engine::CloseCode;
using engine::ExecRequest;
using engine::ShellRequest;
using engine::TcpRequest;

SessionGrant Grant(SessionPlan plan) {
  SessionGrant grant;
  grant.session_id = "admin-1";
  grant.principal = "arn:aws:iam::000000000000:user/admin";
  grant.run_as = "deploy";
  grant.plan = std::move(plan);
  return grant;
}

constexpr std::chrono::seconds kLeft{77};

CheckedOpen CheckOpen(const SessionGrant& grant, std::string_view request) {
  return CheckOpen(grant, request, kLeft);
}

ExecRequest Exec(std::vector<std::string> arguments) {
  ExecRequest request;
  request.arguments = std::move(arguments);
  return request;
}

TcpRequest Tcp(std::string host, uint16_t port) {
  TcpRequest request;
  request.host = std::move(host);
  request.port = port;
  return request;
}

TEST(OpenCheckTest, PutsTheRelaysNamesOverTheClients) {
  ShellRequest lie;
  lie.session_id = "other";
  lie.principal = "root";
  lie.run_as = "root";
  const CheckedOpen checked =
      CheckOpen(Grant({.kind = engine::SessionKind::kShell}), engine::EncodeOpen(lie));
  ASSERT_EQ(checked.code, CloseCode::kNormal);
  engine::OpenRequest sent;
  ASSERT_TRUE(engine::DecodeOpen(checked.request, sent));
  const auto& shell = std::get<ShellRequest>(sent);
  EXPECT_EQ(shell.session_id, "admin-1");
  EXPECT_EQ(shell.principal, "arn:aws:iam::000000000000:user/admin");
  EXPECT_EQ(shell.run_as, "deploy");
}

TEST(OpenCheckTest, TellsTheNodeTheSessionsLimitsWhateverTheClientSays) {
  SessionGrant grant = Grant({.kind = engine::SessionKind::kTcp, .host = "db", .port = 5432});
  grant.idle_max = std::chrono::minutes(20);
  TcpRequest lie = Tcp("db", 5432);
  lie.limits = {.idle_seconds_max = 4'000'000'000, .seconds_max = 4'000'000'000};
  for (const auto& [left, told] : {std::pair{77, 77U}, {0, 1U}, {-5, 1U}}) {
    const CheckedOpen checked =
        CheckOpen(grant, engine::EncodeOpen(lie), std::chrono::seconds(left));
    engine::OpenRequest sent;
    ASSERT_TRUE(engine::DecodeOpen(checked.request, sent));
    EXPECT_EQ(std::get<TcpRequest>(sent).limits.idle_seconds_max, 1200U);
    EXPECT_EQ(std::get<TcpRequest>(sent).limits.seconds_max, told);
  }
}

TEST(OpenCheckTest, AllowsExactlyTheCommand) {
  const SessionGrant grant =
      Grant({.kind = engine::SessionKind::kExec,
             .command = engine::JoinCommand(std::vector<std::string>{"echo", "a b", "it's"})});
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(Exec({"echo", "a b", "it's"}))).code,
            CloseCode::kNormal);
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(Exec({"echo", "a", "b", "it's"}))).code,
            CloseCode::kDenied);
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(Exec({"sh"}))).code, CloseCode::kDenied);
  ExecRequest terminal = Exec({"echo", "a b", "it's"});
  terminal.with_terminal = true;
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(terminal)).code, CloseCode::kDenied);
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(ShellRequest{})).code, CloseCode::kDenied);
}

TEST(OpenCheckTest, AllowsExactlyTheTarget) {
  const SessionGrant grant = Grant({.kind = engine::SessionKind::kTcp, .host = "db", .port = 5432});
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(Tcp("db", 5432))).code, CloseCode::kNormal);
  EXPECT_EQ(CheckOpen(grant, engine::EncodeOpen(Tcp("db", 5433))).code, CloseCode::kDenied);
  const CheckedOpen denied = CheckOpen(grant, engine::EncodeOpen(Tcp("other", 5432)));
  EXPECT_EQ(denied.code, CloseCode::kDenied);
  EXPECT_NE(denied.text.find("db:5432"), std::string::npos) << denied.text;
}

TEST(OpenCheckTest, RefusesWhatItCannotRead) {
  const SessionGrant grant = Grant({.kind = engine::SessionKind::kShell});
  for (const char* request : {"", "{", "[]", "{}", R"({"kind":"teleport"})", "\xff\xfe"}) {
    EXPECT_EQ(CheckOpen(grant, request).code, CloseCode::kUnsupported) << request;
  }
}

}  // namespace
}  // namespace relay
