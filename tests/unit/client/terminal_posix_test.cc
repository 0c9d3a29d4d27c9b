// Goal: a terminal that was made raw is given back exactly as it was, whichever way the process
// ends. Method: a PTY pair; a child makes the terminal side raw and ends in each way; the parent
// compares the settings before and after.

#include "client/terminal/terminal_posix.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>

namespace client {
namespace {

class TerminalPosixTest : public testing::Test {
 protected:
  TerminalPosixTest() {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT_EQ(::grantpt(master_), 0);
    EXPECT_EQ(::unlockpt(master_), 0);
    terminal_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    EXPECT_GE(terminal_, 0);
  }
  ~TerminalPosixTest() override {
    ::close(terminal_);
    ::close(master_);
  }

  termios Settings() const {
    termios settings{};
    EXPECT_EQ(::tcgetattr(terminal_, &settings), 0);
    return settings;
  }
  bool IsRaw() const { return (Settings().c_lflag & (ICANON | ECHO | ISIG)) == 0; }

  // RunChild runs `body` in a process of its own with the terminal raw, and returns how it ended.
  // The parent sees that it was raw before the body goes on.
  int RunChild(const std::function<void(RawTerminal&)>& body) {
    int ready[2];
    int go[2];
    EXPECT_EQ(::pipe(ready), 0);
    EXPECT_EQ(::pipe(go), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::setsid();
      ::ioctl(terminal_, TIOCSCTTY, 0);
      auto* raw = new RawTerminal(terminal_, false);
      char byte = raw->active() ? 'r' : 'n';
      if (::write(ready[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) std::_Exit(99);
      body(*raw);
      delete raw;
      std::_Exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'r');
    EXPECT_TRUE(IsRaw());
    EXPECT_EQ(::write(go[1], "g", 1), 1);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    for (const int descriptor : {ready[0], ready[1], go[0], go[1]}) ::close(descriptor);
    return status;
  }

  void ExpectRestored(const termios& before) {
    const termios after = Settings();
    EXPECT_EQ(after.c_iflag, before.c_iflag);
    EXPECT_EQ(after.c_oflag, before.c_oflag);
    EXPECT_EQ(after.c_lflag, before.c_lflag);
    EXPECT_EQ(after.c_cflag, before.c_cflag);
    EXPECT_EQ(std::memcmp(after.c_cc, before.c_cc, sizeof(before.c_cc)), 0);
  }

  int master_ = -1;
  int terminal_ = -1;
};

TEST_F(TerminalPosixTest, TheOrdinaryEndRestores) {
  const termios before = Settings();
  const int status = RunChild([](RawTerminal&) {});
  EXPECT_TRUE(WIFEXITED(status));
  ExpectRestored(before);
}

TEST_F(TerminalPosixTest, ExitFromTheMiddleRestores) {
  const termios before = Settings();
  const int status = RunChild([](RawTerminal&) { std::exit(3); });
  EXPECT_EQ(WEXITSTATUS(status), 3);
  ExpectRestored(before);
}

TEST_F(TerminalPosixTest, DeadlySignalsRestoreAndStayDeadly) {
  const termios before = Settings();
  for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGBUS}) {
    const int status = RunChild([number](RawTerminal&) { ::raise(number); });
    EXPECT_TRUE(WIFSIGNALED(status)) << number;
    EXPECT_EQ(WTERMSIG(status), number);
    ExpectRestored(before);
  }
}

TEST_F(TerminalPosixTest, AnAbortRestores) {
  const termios before = Settings();
  const int status = RunChild([](RawTerminal&) { std::abort(); });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  ExpectRestored(before);
}

TEST_F(TerminalPosixTest, ASignalThatWasIgnoredStaysIgnored) {
  const termios before = Settings();
  std::signal(SIGHUP, SIG_IGN);  // As under nohup; the child inherits it.
  const int status = RunChild([](RawTerminal&) { ::raise(SIGHUP); });
  std::signal(SIGHUP, SIG_DFL);
  EXPECT_TRUE(WIFEXITED(status));
  ExpectRestored(before);
}

TEST_F(TerminalPosixTest, RestoringTwiceDoesNoHarmAndReenterNeedsAnActiveOne) {
  const termios before = Settings();
  RunChild([](RawTerminal& raw) {
    raw.Restore();
    raw.Restore();
    raw.Reenter();
  });
  ExpectRestored(before);
}

TEST_F(TerminalPosixTest, WhatIsNoTerminalStaysUntouched) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  RawTerminal raw(ends[0], false);
  EXPECT_FALSE(raw.active());
  raw.Restore();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(TerminalPosixTest, TheSizeIsTheWindows) {
  winsize window{};
  window.ws_col = 132;
  window.ws_row = 50;
  ASSERT_EQ(::ioctl(master_, TIOCSWINSZ, &window), 0);
  EXPECT_EQ(TerminalSizeOf(terminal_).columns, 132);
  EXPECT_EQ(TerminalSizeOf(terminal_).rows, 50);
  window.ws_col = 0;
  ASSERT_EQ(::ioctl(master_, TIOCSWINSZ, &window), 0);
  EXPECT_EQ(TerminalSizeOf(terminal_).columns, 80) << "a terminal that does not know";
  window.ws_col = 60000;
  window.ws_row = 60000;
  ASSERT_EQ(::ioctl(master_, TIOCSWINSZ, &window), 0);
  EXPECT_EQ(TerminalSizeOf(terminal_).columns, engine::kTerminalCellsMax);
}

}  // namespace
}  // namespace client
