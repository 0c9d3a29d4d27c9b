// Goal: a relay's offer becomes the plan that it says, and an open request passes only if it is
// exactly what the plan allows, under the session's names.
// Method: offers and requests of every kind against one another.

#include "engine/wire/session_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/wire/command_line.h"

namespace engine {
namespace {

const SessionNames kNames{"s-1", "arn:aws:iam::000000000000:user/admin", "deploy"};

SessionOffer Offer(std::string kind) {
  SessionOffer offer;
  offer.kind = std::move(kind);
  offer.command = "uname -a";
  offer.with_terminal = true;
  offer.host = "db";
  offer.port = 5432;
  return offer;
}

std::string Exec(std::vector<std::string> arguments, bool with_terminal = false) {
  ExecRequest request;
  request.arguments = std::move(arguments);
  request.with_terminal = with_terminal;
  return EncodeOpen(request);
}

std::string Tcp(std::string host, uint16_t port) {
  TcpRequest request;
  request.host = std::move(host);
  request.port = port;
  return EncodeOpen(request);
}

CloseCode CodeOf(const SessionPlan& plan, const std::string& request) {
  return CheckOpen(plan, kNames, request).code;
}

TEST(SessionPlanTest, AnOfferIsReadAsWhatItSays) {
  EXPECT_EQ(Describe(PlanOf(Offer("shell"))), "shell");
  EXPECT_EQ(Describe(PlanOf(Offer("exec"))), "exec -t uname -a");
  EXPECT_EQ(Describe(PlanOf(Offer("tcp"))), "tcp db:5432");
}

TEST(SessionPlanTest, EachKindAllowsItsOwnAndNoOther) {
  const std::vector<std::string> requests = {EncodeOpen(ShellRequest{}),
                                             Exec({"uname", "-a"}, true), Tcp("db", 5432)};
  const std::vector<std::string> kinds = {"shell", "exec", "tcp"};
  for (size_t plan = 0; plan < kinds.size(); ++plan) {
    for (size_t request = 0; request < requests.size(); ++request) {
      EXPECT_EQ(CodeOf(PlanOf(Offer(kinds[plan])), requests[request]),
                plan == request ? CloseCode::kNormal : CloseCode::kDenied)
          << kinds[plan] << " and " << requests[request];
    }
  }
}

TEST(SessionPlanTest, CommandHostAndPortAreExactlyThoseOfThePlan) {
  const SessionPlan command = PlanOf(Offer("exec"));
  EXPECT_EQ(CodeOf(command, Exec({"uname", "-a"}, false)), CloseCode::kDenied);
  EXPECT_EQ(CodeOf(command, Exec({"uname -a"}, true)), CloseCode::kDenied);
  EXPECT_EQ(CodeOf(command, Exec({"uname", "-a", ";", "id"}, true)), CloseCode::kDenied);
  const SessionPlan port = PlanOf(Offer("tcp"));
  EXPECT_EQ(CodeOf(port, Tcp("db", 5433)), CloseCode::kDenied);
  const CheckedOpen other = CheckOpen(port, kNames, Tcp("db2", 5432));
  EXPECT_EQ(other.code, CloseCode::kDenied);
  EXPECT_NE(other.text.find("tcp db:5432"), std::string::npos) << other.text;
}

TEST(SessionPlanTest, TheSessionsNamesArePutOverTheClients) {
  ShellRequest lie;
  lie.session_id = "other";
  lie.principal = "root";
  lie.run_as = "root";
  const CheckedOpen checked = CheckOpen(PlanOf(Offer("shell")), kNames, EncodeOpen(lie));
  ASSERT_EQ(checked.code, CloseCode::kNormal);
  const auto& shell = std::get<ShellRequest>(checked.request);
  EXPECT_EQ(shell.session_id, kNames.session_id);
  EXPECT_EQ(shell.principal, kNames.principal);
  EXPECT_EQ(shell.run_as, kNames.run_as);
}

TEST(SessionPlanTest, WhatCannotBeReadIsUnsupported) {
  for (const char* request : {"", "{", "[]", "{}", R"({"type":"teleport"})", "\xff\xfe"}) {
    EXPECT_EQ(CodeOf(PlanOf(Offer("shell")), request), CloseCode::kUnsupported) << request;
  }
}

TEST(SessionPlanTest, AnEncryptedSessionOpensWithItsKeyAndNoOther) {
  SessionPlan plan;
  plan.key_id = "alias/k";
  const StreamKey key{.key_id = "alias/mine", .data_key = "a2V5"};
  const CheckedOpen checked = CheckOpen(plan, kNames, EncodeOpen(GrantedRequest{.key = key}));
  ASSERT_EQ(checked.code, CloseCode::kNormal) << checked.text;
  EXPECT_EQ(std::get<ShellRequest>(checked.request).key->key_id, "alias/k");
  EXPECT_EQ(std::get<ShellRequest>(checked.request).key->data_key, "a2V5");
  EXPECT_EQ(CodeOf(plan, EncodeOpen(GrantedRequest{})), CloseCode::kDenied);
  EXPECT_EQ(CodeOf(plan, EncodeOpen(ShellRequest{})), CloseCode::kDenied);
  plan.kind = SessionKind::kTcp;
  plan.host = "db";
  plan.port = 5432;
  EXPECT_EQ(CodeOf(plan, Tcp("db", 5432)), CloseCode::kDenied);
}

TEST(SessionPlanTest, AKeyThatNobodyWantedIsNotUsed) {
  const StreamKey key{.data_key = "a2V5"};
  const CheckedOpen checked = CheckOpen({}, kNames, EncodeOpen(GrantedRequest{.key = key}));
  ASSERT_EQ(checked.code, CloseCode::kNormal);
  EXPECT_FALSE(std::get<ShellRequest>(checked.request).key.has_value());
}

TEST(SessionPlanTest, ThePortThatIsAllowedIsReadFromTheRefusalAlone) {
  SessionPlan plan{.kind = SessionKind::kTcp, .host = "db", .port = 5432};
  const CheckedOpen refused = CheckOpen(plan, kNames, EncodeOpen(ShellRequest{}));
  EXPECT_EQ(refused.text, "this session allows only: tcp db:5432; start another one");
  EXPECT_EQ(AllowedPortIn(refused.text), "db:5432");
  plan.kind = SessionKind::kShell;
  EXPECT_EQ(AllowedPortIn(AllowsOnlyText(plan)), "");
  for (const char* text : {"", "tcp db:5432", "this session allows only: "}) {
    EXPECT_EQ(AllowedPortIn(text), "") << text;
  }
}

}  // namespace
}  // namespace engine
