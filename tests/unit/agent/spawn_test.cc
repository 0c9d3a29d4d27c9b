// Goal: a started program has exactly what it should have, and nothing of the agent's.
// Method: real children of /bin/sh, asked about themselves; no loop.

#include "agent/process/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <set>
#include <string>

#include "tests/unit/agent/process_testing.h"

namespace agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SpawnTest, ExitStatusIsTheProgramsOwn) {
  const Finished finished = RunToEnd(Script("exit 7"));
  EXPECT_THAT(finished.failure, IsEmpty());
  ASSERT_TRUE(WIFEXITED(finished.status));
  EXPECT_EQ(WEXITSTATUS(finished.status), 7);
}

TEST(SpawnTest, SignalThatEndsTheProgramIsSeen) {
  const Finished finished = RunToEnd(Script("kill -9 $$"));
  ASSERT_TRUE(WIFSIGNALED(finished.status));
  EXPECT_EQ(WTERMSIG(finished.status), SIGKILL);
}

TEST(SpawnTest, OutputAndErrorArriveApart) {
  const Finished finished = RunToEnd(Script("echo out; echo err >&2"));
  EXPECT_EQ(finished.output, "out\n");
  EXPECT_EQ(finished.error, "err\n");
}

TEST(SpawnTest, StandardDescriptorsCanBeOpenedByName) {
  const Finished finished = RunToEnd(Script("echo out > /dev/stdout; echo err > /dev/stderr"));
  EXPECT_EQ(finished.output, "out\n");
  EXPECT_EQ(finished.error, "err\n");
}

TEST(SpawnTest, ProgramIsFoundInThePathOfItsOwnEnvironment) {
  EXPECT_EQ(RunToEnd(Command({"echo", "a b", "c"})).output, "a b c\n");
}

TEST(SpawnTest, ProgramStartsInTheUsersHome) {
  SpawnRequest request = Script("pwd");
  request.user.home = "/usr";
  EXPECT_EQ(RunToEnd(request).output, "/usr\n");
}

TEST(SpawnTest, MissingHomeIsNoReasonToRefuse) {
  SpawnRequest request = Script("pwd");
  request.user.home = "/no/such/home";
  EXPECT_EQ(RunToEnd(request).output, "/\n");
}

TEST(SpawnTest, EnvironmentIsExactlyTheOneGiven) {
  ASSERT_EQ(::setenv("ADIT_TEST_LEAK", "secret", 1), 0);
  SpawnRequest request = Command({"/usr/bin/env"});
  request.environment = {"A=1", "B=two words"};
  EXPECT_EQ(RunToEnd(request).output, "A=1\nB=two words\n");
}

// No pipe and no glob in it: the shell would hold a descriptor for either while it is looked at.
// And not the last command, for which the shell would make room.
constexpr char kListDescriptors[] = "ls -1 /proc/$$/fd; true";

TEST(SpawnTest, NoDescriptorIsInherited) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // Without O_CLOEXEC, on purpose.
  ASSERT_GE(leaky, 0);
  const std::string listed = RunToEnd(Script(kListDescriptors)).output;
  ::close(leaky);
  EXPECT_EQ(listed, "0\n1\n2\n");
}

TEST(SpawnTest, NoDescriptorIsInheritedWithATerminal) {
  SpawnRequest request = Script(kListDescriptors);
  request.terminal = engine::TerminalSize{};
  EXPECT_EQ(RunToEnd(request).output, "0\r\n1\r\n2\r\n");
}

TEST(SpawnTest, SignalsAreAsIfNothingHadBeenBlockedOrIgnored) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigaddset(&blocked, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const std::string output =
      RunToEnd(Command({"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"})).output;
  ::signal(SIGPIPE, pipe_before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(SpawnTest, ProgramLeadsAProcessGroupAndSessionOfItsOwn) {
  const std::string script = "ps -o pid=,pgid=,sid= -p $$ | tr -s ' ' '\\n' | sort -u | grep -c .";
  EXPECT_EQ(RunToEnd(Script(script)).output, "1\n");
}

TEST(SpawnTest, TerminalIsTheControllingOneAndHasItsSizeFromTheStart) {
  SpawnRequest request =
      Script("stty size < /dev/tty; test -t 0 && test -t 1 && test -t 2 && echo yes");
  request.terminal = engine::TerminalSize{.columns = 132, .rows = 50};
  EXPECT_EQ(RunToEnd(request).output, "50 132\r\nyes\r\n");
}

TEST(SpawnTest, WithoutATerminalThereIsNoControllingOne) {
  EXPECT_EQ(
      RunToEnd(Script("if (: < /dev/tty) 2>/dev/null; then echo tty; else echo none; fi")).output,
      "none\n");
}

TEST(SpawnTest, MissingProgramIsNamedWithThePathThatWasSearched) {
  const Finished finished = RunToEnd(Command({"no-such-program"}));
  EXPECT_THAT(finished.failure, HasSubstr("no-such-program: command not found"));
  EXPECT_THAT(finished.failure, HasSubstr("/usr/local/bin:/usr/bin:/bin"));
}

TEST(SpawnTest, ProgramWithoutPermissionIsSaidToBeForbidden) {
  EXPECT_THAT(RunToEnd(Command({"/etc/passwd"})).failure,
              HasSubstr("/etc/passwd: user self may not"));
}

TEST(SpawnTest, EmptyProgramNameIsAnErrorOfTheCaller) {
  EXPECT_THAT(RunToEnd(Command({""})).failure, HasSubstr("command not found"));
}

TEST(SpawnTest, RootBecomesTheUserForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  SpawnRequest request = Script("id -u; id -g; id -G; (echo err > /dev/stderr); cat /etc/shadow");
  request.user.name = "nobody";
  request.user.uid = 65534;
  request.user.gid = 65534;
  request.user.groups = {65534};
  request.user.change_identity = true;
  const Finished finished = RunToEnd(request);
  EXPECT_EQ(finished.output, "65534\n65534\n65534\n");
  EXPECT_THAT(finished.error, HasSubstr("err\n"));
  EXPECT_THAT(finished.error, HasSubstr("Permission denied"));
}

TEST(SpawnTest, NothingIsLeftOpenAfterManyChildren) {
  const auto count = [] {
    int open = 0;
    for (int i = 0; i < 1024; ++i) open += ::fcntl(i, F_GETFD) >= 0 ? 1 : 0;
    return open;
  };
  const int before = count();
  for (int i = 0; i < 20; ++i) {
    SpawnRequest request = Script("true");
    if (i % 2 == 0) request.terminal = engine::TerminalSize{};
    RunToEnd(request);
    RunToEnd(Command({"no-such-program"}));
  }
  EXPECT_EQ(count(), before);
}

TEST(SpawnTest, ChildrenGetTheDescriptorLimitFromBeforeItWasRaised) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 512;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  RaiseOwnDescriptorLimit();
  rlimit raised{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &raised), 0);
  EXPECT_EQ(raised.rlim_cur, before.rlim_max);
  EXPECT_EQ(RunToEnd(Script("ulimit -n")).output, "512\n");
}

}  // namespace
}  // namespace agent
