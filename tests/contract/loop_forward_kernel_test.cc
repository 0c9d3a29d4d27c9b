// Goal: where Forward works with the kernel's pipes, it holds few of them and leaves none behind,
// copies where it has none, and takes every kind of socket.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/loop/posix_loop.h"
#include "engine/loop/socket_options.h"
#include "tests/contract/loop_forward_fixture.h"

namespace engine {
namespace {

class KernelLoopForward : public LoopForwardFixture {
 protected:
  PipeCache& pipes() { return static_cast<PosixLoop&>(*loop_).pipes(); }
  static int Descriptor(Socket socket) { return static_cast<int>(socket.handle); }
  static size_t OpenDescriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }
  // Shrink makes the kernel's buffers of a join small, so that flows come to a stop soon.
  void Shrink(const Join& join) {
    for (const Socket socket : {join.left, join.inner_left, join.inner_right, join.right}) {
      loop_->SetOptions(socket, {.send_buffer_bytes = 65536, .receive_buffer_bytes = 65536});
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Backends, KernelLoopForward, testing::ValuesIn(RealForwardBackends()),
                         BackendName);

TEST_P(KernelLoopForward, IdleFlowsHoldNoPipe) {
  const size_t before = OpenDescriptors();
  std::vector<std::unique_ptr<Join>> joins;
  constexpr size_t kJoins = 20;
  const std::string bytes = Pattern(100'000);
  for (size_t i = 0; i < kJoins; ++i) {
    joins.push_back(MakeJoin());
    Join& join = *joins.back();
    Start(join);
    Read(join.at_right, join.right);
    Read(join.at_left, join.left);
    Send(join.from_left, join.left, bytes);
    Send(join.from_right, join.right, "answer");
  }
  for (auto& join : joins) {
    ASSERT_TRUE(RunUntil([&] {
      return join->at_right.size == bytes.size() && join->at_left.size == 6 &&
             join->from_left.finals == 1 && join->from_right.finals == 1;
    }));
  }
  Settle();
  EXPECT_LE(pipes().pipe_count(), PipeCache::kKeptMax);
  EXPECT_EQ(pipes().pipe_count(), pipes().kept_count());
  EXPECT_LE(OpenDescriptors(), before + 4 * kJoins + 2 * PipeCache::kKeptMax);
  EXPECT_EQ(pipes().pipe_count() == 0, GetParam().copies);
  for (auto& join : joins) Stop(*join);
}

TEST_P(KernelLoopForward, FlowsThatStandStillHoldAFewPipesAndTheOthersCopy) {
  if (GetParam().copies) return;
  pipes().LimitTo(2);
  const std::string bytes = Pattern(3'000'000);
  std::vector<std::unique_ptr<Join>> joins;
  for (size_t i = 0; i < 6; ++i) {
    joins.push_back(MakeJoin());
    Shrink(*joins.back());
    Start(*joins.back());
    Send(joins.back()->from_left, joins.back()->left, bytes);
  }
  Settle();
  EXPECT_EQ(pipes().pipe_count(), 2u);
  EXPECT_EQ(pipes().kept_count(), 0u);
  for (auto& join : joins) {
    EXPECT_GT(join->rightwards.op.state.moved, 0u);
    Read(join->at_right, join->right);
  }
  for (auto& join : joins) {
    ASSERT_TRUE(RunUntil([&] { return join->at_right.size == bytes.size(); }));
    EXPECT_TRUE(join->at_right.bytes == bytes);
    ASSERT_TRUE(RunUntil([&] { return join->from_left.finals == 1; }));
    Stop(*join);
  }
  EXPECT_LE(pipes().pipe_count(), 2u);
}

TEST_P(KernelLoopForward, ACanceledFlowLeavesNoPipeThatHoldsBytes) {
  const auto join = MakeJoin();
  Shrink(*join);
  const std::string bytes = Pattern(3'000'000);
  Start(*join);
  Send(join->from_left, join->left, bytes);
  Settle();
  EXPECT_EQ(pipes().pipe_count() > pipes().kept_count(), !GetParam().copies);
  Stop(*join);
  EXPECT_EQ(pipes().pipe_count(), pipes().kept_count());

  // The next flow gets a pipe, and its own bytes only.
  const auto next = MakeJoin();
  Start(*next);
  Read(next->at_right, next->right);
  Send(next->from_left, next->left, "fresh");
  ASSERT_TRUE(RunUntil([&] { return next->at_right.size >= 5; }));
  EXPECT_EQ(next->at_right.bytes, "fresh");
  Stop(*next);
}

TEST_P(KernelLoopForward, ADestroyedLoopLeavesNoDescriptor) {
  const size_t before = OpenDescriptors();
  const auto join = MakeJoin();
  Start(*join);
  Read(join->at_right, join->right);
  Send(join->from_left, join->left, "once");
  ASSERT_TRUE(RunUntil([&] { return join->at_right.size == 4; }));
  Stop(*join);
  while (!open_.empty()) Close(open_.back());
  loop_ = nullptr;
  EXPECT_LT(OpenDescriptors(), before);  // The loop's own are gone, too.
}

TEST_P(KernelLoopForward, WithoutDescriptorsForPipesItCopies) {
  const auto join = MakeJoin();
  const std::string bytes = Pattern(1'000'000);
  Start(*join);
  Read(join->at_right, join->right);
  // From here on little is called: what UBSan has not checked once it checks with a pipe.
  rlimit normal{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &normal), 0);
  rlimit tight = normal;
  tight.rlim_cur = 4;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  Send(join->from_left, join->left, bytes);
  const bool done = RunUntil([&] { return join->at_right.size == bytes.size(); });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &normal), 0);
  ASSERT_TRUE(done);
  EXPECT_EQ(pipes().pipe_count(), 0u);
  EXPECT_TRUE(join->at_right.bytes == bytes);
  Stop(*join);
}

TEST_P(KernelLoopForward, UrgentBytesAreLeftOutAndEndNothing) {
  const auto join = MakeJoin();
  Start(*join);
  Settle();
  Read(join->at_right, join->right);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    // Before, after, and around an urgent byte; the loop meets each sequence in one piece.
    const std::string before = Pattern(static_cast<size_t>(i % 3) * 700, 1);
    const std::string after = Pattern(static_cast<size_t>(i % 4) * 5, 2) + "x";
    const int descriptor = Descriptor(join->left);
    ASSERT_EQ(::send(descriptor, before.data(), before.size(), 0), ssize_t(before.size()));
    ASSERT_EQ(::send(descriptor, "!", 1, MSG_OOB), 1);
    ASSERT_EQ(::send(descriptor, after.data(), after.size(), 0), ssize_t(after.size()));
    expected += before + after;
    ASSERT_TRUE(RunUntil([&] { return join->at_right.size == expected.size(); })) << i;
  }
  EXPECT_EQ(join->at_right.bytes, expected);
  EXPECT_EQ(loop_->Shutdown(join->left, ShutdownSide::kSend), IoError::kNone);
  ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kEndOfStream);
  Stop(*join);
}

TEST_P(KernelLoopForward, SocketsInTheBlockingModeDoNotStopTheLoop) {
  const auto join = MakeJoin();
  for (const Socket socket : {join->inner_left, join->inner_right}) {
    const int flags = ::fcntl(Descriptor(socket), F_GETFL);
    ASSERT_EQ(::fcntl(Descriptor(socket), F_SETFL, flags & ~O_NONBLOCK), 0);
  }
  Shrink(*join);
  Start(*join);
  const std::string bytes = Pattern(3'000'000);
  Send(join->from_left, join->left, bytes);
  Settle();
  Read(join->at_right, join->right);
  ASSERT_TRUE(RunUntil([&] { return join->at_right.size == bytes.size(); }));
  EXPECT_TRUE(join->at_right.bytes == bytes);
  Stop(*join);
}

TEST_P(KernelLoopForward, UnixSocketsAreJoinedToo) {
  const auto join = std::make_unique<Join>(inside_);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  join->left = loop_->Adopt(pair[0]);
  join->inner_left = loop_->Adopt(pair[1]);
  open_.push_back(join->left);
  open_.push_back(join->inner_left);
  std::tie(join->right, join->inner_right) = std::tuple_cat(Pair());
  const std::string bytes = Pattern(2'000'000);
  Start(*join);
  Read(join->at_right, join->right);
  Read(join->at_left, join->left);
  Send(join->from_left, join->left, bytes);
  Send(join->from_right, join->right, bytes);
  ASSERT_TRUE(RunUntil(
      [&] { return join->at_right.size == bytes.size() && join->at_left.size == bytes.size(); }));
  EXPECT_TRUE(join->at_right.bytes == bytes);
  EXPECT_TRUE(join->at_left.bytes == bytes);
  Stop(*join);
}

}  // namespace
}  // namespace engine
