// Goal: the backend is the one that was asked for, by flag before environment, and a wrong name or
// an impossible backend is told. Method: real loops; the environment of this process.

#include "engine/platform/create_loop.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace engine {
namespace {

TEST(CreateLoopTest, TheFlagWinsOverTheEnvironment) {
  ASSERT_EQ(::setenv("ADIT_IO", "epoll", 1), 0);
  EXPECT_EQ(*LoopIoFrom(""), LoopIo::kEpoll);
  EXPECT_EQ(*LoopIoFrom("uring"), LoopIo::kUring);
  EXPECT_EQ(*LoopIoFrom("auto"), LoopIo::kAuto);
  ASSERT_EQ(::setenv("ADIT_IO", "", 1), 0);
  EXPECT_EQ(*LoopIoFrom(""), LoopIo::kAuto);
  ASSERT_EQ(::unsetenv("ADIT_IO"), 0);
  EXPECT_EQ(*LoopIoFrom(""), LoopIo::kAuto);
}

TEST(CreateLoopTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  ASSERT_EQ(::setenv("ADIT_IO", "kqueue", 1), 0);
  const auto from_environment = LoopIoFrom("");
  ASSERT_EQ(::unsetenv("ADIT_IO"), 0);
  ASSERT_FALSE(from_environment.ok());
  const std::string message(from_environment.status().message());
  EXPECT_NE(message.find("kqueue"), std::string::npos);
  EXPECT_NE(message.find("auto, uring or epoll"), std::string::npos);
  EXPECT_FALSE(ParseLoopIo("URING").ok());
}

TEST(CreateLoopTest, AutoAndEpollAlwaysGiveALoop) {
  for (const LoopIo io : {LoopIo::kAuto, LoopIo::kEpoll}) {
    const auto loop = CreateLoop({.io = io, .block_count = 32, .block_size = 1024});
    ASSERT_TRUE(loop.ok()) << loop.status();
    EXPECT_GE((*loop)->buffers().free_count(), 32);
    EXPECT_EQ((*loop)->buffers().block_size(), 1024u);
    (*loop)->RunOnce(Duration::zero());
  }
}

TEST(CreateLoopTest, UringIsGivenOrRefusedWithAReason) {
  const auto loop = CreateLoop({.io = LoopIo::kUring});
  if (loop.ok()) return (*loop)->RunOnce(Duration::zero());
  const std::string message(loop.status().message());
  EXPECT_NE(message.find("io_uring"), std::string::npos);
  EXPECT_NE(message.find("--io=epoll"), std::string::npos);
}

// Deny makes io_uring_setup fail in this process from now on, as a container's filter does.
void Deny(int error_number) {
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error_number)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = 4, .filter = const_cast<sock_filter*>(filter)};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) std::_Exit(2);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) std::_Exit(3);
}

// RunDenied exits with 0 when a loop was made and runs.
void RunDenied(int error_number, LoopIo io) {
  Deny(error_number);
  const auto loop = CreateLoop({.io = io});
  if (!loop.ok()) {
    std::fprintf(stderr, "%s\n", std::string(loop.status().message()).c_str());
    std::_Exit(1);
  }
  (*loop)->RunOnce(Duration::zero());
  std::_Exit(0);
}

class CreateLoopDeathTest : public testing::Test {
 protected:
  // The kernel is probed once in a process, so that each case needs one of its own.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(CreateLoopDeathTest, WhereIoUringIsDeniedAutoTakesEpollAndSaysWhy) {
  EXPECT_EXIT(RunDenied(EPERM, LoopIo::kAuto), testing::ExitedWithCode(0),
              "loop io=epoll why=.*(seccomp|io_uring_disabled)");
  EXPECT_EXIT(RunDenied(ENOSYS, LoopIo::kAuto), testing::ExitedWithCode(0),
              "loop io=epoll why=.*has no io_uring");
  EXPECT_EXIT(RunDenied(EINVAL, LoopIo::kAuto), testing::ExitedWithCode(0),
              "loop io=epoll why=.*older than 6.1");
}

TEST_F(CreateLoopDeathTest, WhereIoUringIsDeniedAskingForItIsAnError) {
  EXPECT_EXIT(RunDenied(EPERM, LoopIo::kUring), testing::ExitedWithCode(1),
              "io_uring was asked for and cannot be had: .*--io=epoll");
}

}  // namespace
}  // namespace engine
