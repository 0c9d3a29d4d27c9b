// Goal: the end of a child is heard once, and nothing of its group outlives a hang-up.
// Method: real children and SIGCHLD on a real loop; waiting is for events, with a bound.

#include "agent/process/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "agent/process/machine_programs.h"
#include "engine/epoll/epoll_loop.h"
#include "tests/unit/agent/process_testing.h"

namespace agent {
namespace {

using std::chrono::seconds;

constexpr engine::Duration kGrace = std::chrono::milliseconds(300);

class ChildProcessTest : public ::testing::Test, public ChildProcess::Events {
 protected:
  static void SetUpTestSuite() { engine::SignalReceiver::Block({SIGCHLD}); }

  void TearDown() override {
    watcher_.Close();
    RunUntil([this] { return watcher_.closed(); });
  }

  void RunUntil(const std::function<bool()>& done) {
    const engine::Instant deadline = loop_.Now() + seconds(20);
    while (!done()) {
      loop_.RunOnce(seconds(1));
      ASSERT_LT(loop_.Now(), deadline) << "nothing happened in time";
    }
  }

  // Starts `script` and waits until it has written "ready".
  void Start(const std::string& script) {
    absl::StatusOr<Spawned> spawned = Spawn(Script(script));
    ASSERT_TRUE(spawned.ok()) << spawned.status();
    spawned_ = std::move(*spawned);
    pid_ = spawned_.pid;
    child_.Start(pid_);
    std::string line;
    char byte = 0;
    while (line.find("ready\n") == std::string::npos) {
      pollfd ready{spawned_.output.value(), POLLIN, 0};
      ASSERT_EQ(::poll(&ready, 1, 20'000), 1);
      if (::read(spawned_.output.value(), &byte, 1) != 1) break;
      line += byte;
    }
    second_ = std::atoi(line.c_str());
  }

  void OnChildExited(const engine::Exit& exit) override {
    EXPECT_FALSE(exit_.has_value());
    exit_ = exit;
  }
  void OnChildGone() override { gone_ = true; }

  static bool Exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

  engine::EpollLoop loop_{64, 4096};
  MachinePrograms watcher_{loop_, ::geteuid()};
  ChildProcess child_{loop_, watcher_, *this, kGrace};
  Spawned spawned_;
  pid_t pid_ = 0;
  pid_t second_ = 0;  // Whatever number the script printed first.
  std::optional<engine::Exit> exit_;
  bool gone_ = false;
};

TEST_F(ChildProcessTest, ExitStatusIsHeardAndTheChildReaped) {
  Start("echo ready; exit 7");
  RunUntil([this] { return exit_.has_value(); });
  EXPECT_EQ(exit_->status, 7);
  EXPECT_EQ(exit_->signal, "");
  child_.Release();
  EXPECT_TRUE(child_.gone());
  EXPECT_EQ(watcher_.count(), 0u);
  EXPECT_EQ(::waitpid(pid_, nullptr, WNOHANG), -1);
}

TEST_F(ChildProcessTest, SignalThatEndedItIsNamed) {
  Start("echo ready; kill -9 $$");
  RunUntil([this] { return exit_.has_value(); });
  EXPECT_EQ(exit_->signal, "KILL");
  child_.Release();
}

TEST_F(ChildProcessTest, ClientsSignalReachesTheGroup) {
  Start("echo ready; sleep 100");
  EXPECT_TRUE(child_.Signal("TERM", 0));
  RunUntil([this] { return exit_.has_value(); });
  EXPECT_EQ(exit_->signal, "TERM");
  child_.Release();
}

TEST_F(ChildProcessTest, SignalThatIsNotOnTheListIsRefused) {
  Start("echo ready; sleep 100");
  EXPECT_FALSE(child_.Signal("STOP", 0));
  EXPECT_FALSE(child_.Signal("SIGTERM", 0));
  child_.Hangup();
  RunUntil([this] { return gone_; });
}

TEST_F(ChildProcessTest, HangupEndsTheWholeGroupEvenWhenStopped) {
  Start("sleep 100 & echo $!; kill -STOP $!; echo ready; sleep 100");
  ASSERT_GT(second_, 1);
  child_.Hangup();
  RunUntil([this] { return gone_; });
  EXPECT_FALSE(Exists(pid_));
  EXPECT_FALSE(exit_.has_value());
  EXPECT_TRUE(child_.gone());
}

TEST_F(ChildProcessTest, WhatIgnoresTheHangupIsKilledAfterItsGrace) {
  Start("trap '' HUP; echo ready; while :; do sleep 1; done");
  const engine::Instant before = loop_.Now();
  child_.Hangup();
  RunUntil([this] { return gone_; });
  EXPECT_GE(loop_.Now() - before, kGrace);
  EXPECT_FALSE(Exists(pid_));
}

TEST_F(ChildProcessTest, MemberThatOutlivesItsLeaderIsKilledToo) {
  Start("(trap '' HUP; while :; do sleep 1; done) & echo $!; echo ready; exit 0");
  RunUntil([this] { return exit_.has_value(); });
  ASSERT_TRUE(Exists(second_));
  child_.Hangup();
  RunUntil([this] { return gone_; });
  // The orphan is somebody else's to reap: it is gone, or a zombie.
  siginfo_t nothing{};
  EXPECT_NE(::waitid(P_PID, static_cast<id_t>(second_), &nothing, WEXITED | WNOHANG), 0);
}

TEST_F(ChildProcessTest, ProcessOfItsOwnSessionSurvivesANormalEnd) {
  Start("setsid sleep 30 < /dev/null > /dev/null 2>&1 & echo $!; echo ready; exit 0");
  RunUntil([this] { return exit_.has_value(); });
  child_.Release();
  EXPECT_TRUE(Exists(second_));
  ::kill(second_, SIGKILL);
}

}  // namespace
}  // namespace agent
