// Goal: programs and environments are exactly what the rules say.
// Method: plain values in, plain values out.

#include "agent/process/command_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

RunAsUser Alice() {
  RunAsUser user;
  user.name = "alice";
  user.home = "/home/alice";
  user.shell = "/usr/bin/zsh";
  return user;
}

TEST(CommandPlanTest, ShellIsTheLoginShellOnATerminal) {
  engine::ShellRequest request;
  request.session_id = "s-1";
  request.size = {.columns = 100, .rows = 40};
  request.terminal = "screen";
  const SpawnRequest plan = PlanShell(request, Alice(), {});
  EXPECT_EQ(plan.program, "/usr/bin/zsh");
  EXPECT_THAT(plan.arguments, ElementsAre("-zsh"));
  ASSERT_TRUE(plan.terminal.has_value());
  EXPECT_EQ(plan.terminal->columns, 100);
  EXPECT_THAT(plan.environment,
              UnorderedElementsAre("HOME=/home/alice", "USER=alice", "LOGNAME=alice",
                                   "SHELL=/usr/bin/zsh", "ADIT_SESSION_ID=s-1", "TERM=screen",
                                   StartsWith("PATH="), "LANG=C.UTF-8"));
}

TEST(CommandPlanTest, CommandIsRunAsItIsWithoutAShellOrTerminal) {
  engine::ExecRequest request;
  request.arguments = {"printf", "%s", "$HOME; rm"};
  request.terminal = "xterm";
  const SpawnRequest plan = PlanExec(request, Alice(), {});
  EXPECT_EQ(plan.program, "printf");
  EXPECT_THAT(plan.arguments, ElementsAre("printf", "%s", "$HOME; rm"));
  EXPECT_FALSE(plan.terminal.has_value());
  EXPECT_THAT(plan.environment, Not(Contains(StartsWith("TERM="))));
}

TEST(CommandPlanTest, CommandWithATerminalHasTermAndSize) {
  engine::ExecRequest request;
  request.arguments = {"top"};
  request.with_terminal = true;
  const SpawnRequest plan = PlanExec(request, Alice(), {});
  EXPECT_TRUE(plan.terminal.has_value());
  EXPECT_THAT(plan.environment, Contains("TERM=xterm-256color"));
}

TEST(CommandPlanTest, WhatTheAgentHandsOnReplacesTheDefaults) {
  const InheritedEnvironment inherited{{"LANG", "de_DE.UTF-8"}, {"LC_TIME", "C"}, {"PATH", "/x"}};
  const std::vector<std::string> environment = SessionEnvironment(Alice(), inherited, "s", "");
  EXPECT_THAT(environment, Contains("LANG=de_DE.UTF-8"));
  EXPECT_THAT(environment, Not(Contains("LANG=C.UTF-8")));
  EXPECT_THAT(environment, Contains("LC_TIME=C"));
  EXPECT_THAT(environment, Contains("PATH=/x"));
}

TEST(CommandPlanTest, OnlyLanguageAndAUsersPathAreHandedOn) {
  EXPECT_TRUE(Inheritable("LANG", true));
  EXPECT_TRUE(Inheritable("LC_ALL", true));
  EXPECT_TRUE(Inheritable("PATH", false));
  EXPECT_FALSE(Inheritable("PATH", true));
  EXPECT_FALSE(Inheritable("LD_PRELOAD", false));
  EXPECT_FALSE(Inheritable("NOTIFY_SOCKET", false));
  EXPECT_FALSE(Inheritable("HOME", false));
}

}  // namespace
}  // namespace agent
