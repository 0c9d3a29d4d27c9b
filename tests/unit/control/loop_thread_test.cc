// Goal: a loop's thread ends whole, whatever comes while it ends.
// Method: a real loop and switchboard; letters that post letters put a task at the very end.

#include "relay/loop_thread.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>

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

  RecordingControl control_;  // The thread's own while it runs.
  std::unique_ptr<engine::TlsContext> tls_;
  std::unique_ptr<LoopThread> thread_;
};

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
