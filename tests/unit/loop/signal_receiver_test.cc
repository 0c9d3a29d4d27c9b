// Goal: a signal that is sent arrives, also when the kernel has nothing left for a while.
// Method: signals of this process to itself; epoll_ctl and signalfd are this program's own, and
// fail as often as a test says before they do what they should.

#include "engine/platform/signal_receiver.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "engine/platform/create_loop.h"

namespace {

// How often each call still fails, and with what.
struct Failures {
  int count = 0;
  int error = 0;
  bool Happens() {
    if (count == 0) return false;
    --count;
    errno = error;
    return true;
  }
};
Failures epoll_failures, signalfd_failures;

}  // namespace

extern "C" int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) {
  if (operation == EPOLL_CTL_ADD && epoll_failures.Happens()) return -1;
  return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, descriptor, event));
}

extern "C" int signalfd(int descriptor, const sigset_t* signals, int flags) {
  if (signalfd_failures.Happens()) return -1;
  return static_cast<int>(::syscall(SYS_signalfd4, descriptor, signals, _NSIG / 8, flags));
}

namespace engine {
namespace {

// Both backends, where io_uring works; where not, one of them twice.
constexpr LoopIo kBackends[] = {LoopIo::kEpoll, LoopIo::kAuto};

class SignalReceiverTest : public testing::Test, public SignalReceiver::Events {
 protected:
  static void SetUpTestSuite() { SignalReceiver::Block({SIGUSR1}); }

  void Receive(LoopIo io) {
    loop_ = *CreateLoop({.io = io, .block_count = 4, .is_logged = false});
    receiver_ = std::make_unique<SignalReceiver>(*loop_, SignalReceiver::SetOf({SIGUSR1}), *this);
  }
  void RunUntilSeen(size_t count) {
    while (seen_.size() < count) loop_->RunOnce(std::chrono::seconds(1));
  }
  void Close() {
    receiver_->Close();
    while (!receiver_->closed()) loop_->RunOnce(std::chrono::seconds(1));
    receiver_.reset();
    loop_.reset();
    seen_.clear();
    epoll_failures = {};
    signalfd_failures = {};
  }
  void OnSignal(int signal) override { seen_.push_back(signal); }

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<SignalReceiver> receiver_;
  std::vector<int> seen_;
};

TEST_F(SignalReceiverTest, SignalsArriveOneAfterAnother) {
  for (const LoopIo io : kBackends) {
    Receive(io);
    for (size_t i = 1; i <= 3; ++i) {
      ::kill(::getpid(), SIGUSR1);
      RunUntilSeen(i);
    }
    EXPECT_EQ(seen_, std::vector<int>(3, SIGUSR1));
    Close();
  }
}

TEST_F(SignalReceiverTest, TheyArriveWhenTheKernelHasWatchesAgain) {
  for (const int error : {ENOSPC, ENOMEM}) {
    Receive(LoopIo::kEpoll);  // Which registers it in the first iteration.
    epoll_failures = {.count = 2, .error = error};
    while (epoll_failures.count > 0) loop_->RunOnce(std::chrono::seconds(1));
    ::kill(::getpid(), SIGUSR1);
    RunUntilSeen(1);
    Close();
  }
}

TEST_F(SignalReceiverTest, TheyArriveWhenThereAreDescriptorsAgain) {
  for (const LoopIo io : kBackends) {
    signalfd_failures = {.count = 2, .error = EMFILE};
    Receive(io);
    ::kill(::getpid(), SIGUSR1);
    RunUntilSeen(1);
    Close();
  }
}

TEST_F(SignalReceiverTest, OneThatNeverGotADescriptorCloses) {
  for (const LoopIo io : kBackends) {
    signalfd_failures = {.count = 1'000'000, .error = EMFILE};
    Receive(io);
    Close();
  }
}

}  // namespace
}  // namespace engine
