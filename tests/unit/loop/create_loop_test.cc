// Goal: the backend is the one that was asked for, by flag before environment, and a wrong name or
// an impossible backend is told. Method: real loops; the environment of this process.

#include "engine/platform/create_loop.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace engine
