// Goal: a loop's thread runs what it is told in order, also when that comes faster than it has time
// for it, and ends whole, whatever comes while it ends.
// Method: a real loop and switchboard; letters that post letters put a task at the very end.

#include "relay/loop_thread.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "relay/switchboard/switchboard.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/switchboard/recording_control.h"
#include "tests/unit/switchboard/test_lane.h"

namespace relay {
namespace {

class LoopThreadTest : public testing::Test {
 protected:
  LoopThreadTest()
      : tls_(engine::test::Must(
            engine::TlsContext::Server({.identity = engine::test::TestAuthority().ServerIdentity(),
                                        .protocols = {"adit/1"},
                                        .clock = engine::test::TestClock()}))),
        thread_(engine::test::Must(
            LoopThread::Start({.block_count = 16}, [this](engine::LoopDriver& driver) {
              Switchboard::Options options;
              options.locate = [](const std::string&) { return std::nullopt; };
              return std::make_unique<Switchboard>(options, driver, *tls_, control_);
            }))) {}

  // RunAtTheEnd runs `last` as the last task that the thread still takes.
  void RunAtTheEnd(std::function<void(Switchboard&)> last) {
    const auto chain = std::make_shared<std::function<void(Switchboard&)>>();
    *chain = [this, chain, last = std::move(last)](Switchboard& switchboard) {
      if (thread_->Post(*chain)) return;
      last(switchboard);
    };
    ASSERT_TRUE(thread_->Post(*chain));
    thread_->AskToStop(engine::Duration::zero());
    thread_->Join();
    *chain = {};
  }

  // HoldUp returns when the thread is inside a task, which ends with Release.
  void HoldUp() {
    std::promise<void> reached;
    ASSERT_TRUE(thread_->Post([this, &reached](Switchboard&) {
      reached.set_value();
      released_.get_future().wait();
    }));
    reached.get_future().wait();
  }
  void Release() { released_.set_value(); }

  std::promise<void> released_;
  RecordingControl control_;  // The thread's own while it runs.
  std::unique_ptr<engine::TlsContext> tls_;
  std::unique_ptr<LoopThread> thread_;
};

TEST_F(LoopThreadTest, WhatItIsToldIsKeptInOrderWhenTheMailboxIsFull) {
  constexpr size_t kTasks = 2 * engine::LoopDriver::kLettersMax + 10;
  std::vector<size_t> seen;
  const auto see = [&seen](size_t number) {
    return [&seen, number](Switchboard&) { seen.push_back(number); };
  };
  HoldUp();
  for (size_t i = 0; i < kTasks; ++i) EXPECT_TRUE(thread_->Tell(see(i))) << i;
  EXPECT_FALSE(thread_->Post(see(kTasks))) << "what may be refused does not pass what is kept";
  Release();
  for (size_t i = kTasks; i < kTasks + 100; ++i) EXPECT_TRUE(thread_->Tell(see(i))) << i;
  thread_->AskToStop(engine::Duration::zero());
  thread_->Join();
  ASSERT_EQ(seen.size(), kTasks + 100);
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i);
  EXPECT_FALSE(thread_->Tell(see(0)));
  EXPECT_FALSE(thread_->Post(see(0)));
}

TEST_F(LoopThreadTest, ALoopThatDoesNotRunIsToldNoMoreThanItsMaximum) {
  HoldUp();
  size_t told = 0, run = 0;
  while (told < 1'000'000 && thread_->Tell([&run](Switchboard&) { ++run; })) ++told;
  // The task that runs has its place in the mailbox, too.
  EXPECT_EQ(told + 1, engine::LoopDriver::kLettersMax + LoopThread::kKeptMax);
  Release();
  thread_->AskToStop(engine::Duration::zero());
  thread_->Join();
  EXPECT_EQ(run, told);
}

TEST_F(LoopThreadTest, AConnectionThatComesWhileTheThreadEndsIsClosed) {
  std::array<int, 2> pair;
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  RunAtTheEnd([&](Switchboard& switchboard) { switchboard.AdoptCopy(pair[1], "hello"); });
  char byte;
  const ssize_t size = ::recv(pair[0], &byte, 1, MSG_DONTWAIT);
  EXPECT_TRUE(size == 0 || (size < 0 && errno == ECONNRESET)) << "the connection is still open";
  ::close(pair[0]);
}

TEST_F(LoopThreadTest, ALaneThatComesWhileTheThreadEndsIsReportedAsOver) {
  const TestLane lane;
  RunAtTheEnd([&](Switchboard& switchboard) { switchboard.AddLane(lane.grant); });
  ASSERT_EQ(control_.ended.size(), 1u);
  EXPECT_EQ(control_.ended[0].first.session_id, lane.grant.id.session_id);
}

}  // namespace
}  // namespace relay
