// Goal: Forward keeps its contract on every backend: with pipes, where it splices, without, where
// it copies, and in the simulator. Method: two connections whose inner ends are joined, as a relay
// does it, with a peer at each outer end; all on one loop.
//
//   left  <--->  inner_left  =Forward=  inner_right  <--->  right

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

#include "engine/base/random.h"
#include "engine/loop/posix_loop.h"
#include "engine/loop/socket_options.h"
#include "tests/contract/loop_fixture.h"

namespace engine {
namespace {

using std::chrono::milliseconds;

class LoopForward : public LoopFixture {
 protected:
  // Join is two connections and the flows between their inner ends.
  struct Join {
    explicit Join(const bool& inside)
        : rightwards(inside),
          leftwards(inside),
          from_left(inside),
          from_right(inside),
          at_left(inside),
          at_right(inside) {}
    Socket left, inner_left, inner_right, right;
    Forwarder rightwards, leftwards;
    Sender from_left, from_right;
    Receiver at_left, at_right;
  };

  std::unique_ptr<Join> MakeJoin() {
    auto join = std::make_unique<Join>(inside_);
    std::tie(join->left, join->inner_left) = std::tuple_cat(Pair());
    std::tie(join->right, join->inner_right) = std::tuple_cat(Pair());
    return join;
  }
  void Start(Join& join) {
    loop_->Forward(join.rightwards.op, join.inner_left, join.inner_right);
    loop_->Forward(join.leftwards.op, join.inner_right, join.inner_left);
  }
  // Read receives all there is, at a socket, until the end.
  void Read(Receiver& receiver, Socket socket) {
    receiver.then = [this, &receiver, socket] {
      if (receiver.error == IoError::kNoBuffers) {
        loop_->Receive(receiver.op, socket, ReceiveMode::kRepeat);
      }
    };
    loop_->Receive(receiver.op, socket, ReceiveMode::kRepeat);
  }
  // Stop cancels every op of a join, and waits for them.
  void Stop(Join& join) {
    Op* ops[] = {&join.rightwards.op, &join.leftwards.op, &join.from_left.op,
                 &join.from_right.op, &join.at_left.op,   &join.at_right.op};
    for (Op* op : ops) loop_->Cancel(*op);
    ASSERT_TRUE(RunUntil([&] {
      return std::none_of(std::begin(ops), std::end(ops), [](Op* op) { return op->in_flight(); });
    }));
  }
  size_t BulkSize() const { return real() ? 6'000'000 : 1'000'000; }
};
INSTANTIATE_TEST_SUITE_P(Backends, LoopForward, testing::ValuesIn(ForwardBackends()), BackendName);

class KernelLoopForward : public LoopForward {
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

TEST_P(LoopForward, BytesArriveInOrderInBothDirectionsAtOnce) {
  const auto join = MakeJoin();
  const std::string right = Pattern(BulkSize(), 1);
  const std::string left = Pattern(BulkSize(), 2);
  Start(*join);
  Read(join->at_right, join->right);
  Read(join->at_left, join->left);
  Send(join->from_left, join->left, right);
  Send(join->from_right, join->right, left);
  ASSERT_TRUE(RunUntil(
      [&] { return join->at_right.size == right.size() && join->at_left.size == left.size(); }));
  EXPECT_TRUE(join->at_right.bytes == right);
  EXPECT_TRUE(join->at_left.bytes == left);
  EXPECT_EQ(join->rightwards.op.state.moved, right.size());
  EXPECT_EQ(join->leftwards.op.state.moved, left.size());
  EXPECT_EQ(join->rightwards.finals + join->leftwards.finals, 0);
  Stop(*join);
}

TEST_P(LoopForward, MessagesOfEverySizeComeBack) {
  const auto join = MakeJoin();
  Start(*join);
  Read(join->at_right, join->right);
  Read(join->at_left, join->left);
  Random random(5);
  std::string all;
  for (int i = 0; i < 300; ++i) {
    const uint64_t largest = i % 3 == 0 ? 10 : i % 3 == 1 ? 2000 : 150'000;
    const std::string message = Pattern(random.Range(1, largest), static_cast<uint32_t>(i));
    all += message;
    Send(join->from_left, join->left, message);
    ASSERT_TRUE(RunUntil([&] { return join->at_right.size == all.size(); })) << "message " << i;
    ASSERT_TRUE(RunUntil([&] { return !join->from_left.op.in_flight(); }));
    Send(join->from_right, join->right, message);
    ASSERT_TRUE(RunUntil([&] { return join->at_left.size == all.size(); })) << "answer " << i;
    ASSERT_TRUE(RunUntil([&] { return !join->from_right.op.in_flight(); }));
  }
  EXPECT_TRUE(join->at_right.bytes == all);
  EXPECT_TRUE(join->at_left.bytes == all);
  Stop(*join);
}

TEST_P(LoopForward, WhatCameBeforeTheJoinIsForwardedToo) {
  const auto join = MakeJoin();
  const std::string bytes = Pattern(50'000);
  Send(join->from_left, join->left, bytes);
  Receiver first(inside_);
  loop_->Receive(first.op, join->inner_left, ReceiveMode::kOnce);
  ASSERT_TRUE(RunUntil([&] { return first.finals == 1 && join->from_left.finals == 1; }));
  Settle();
  Start(*join);
  Read(join->at_right, join->right);
  ASSERT_TRUE(RunUntil([&] { return first.size + join->at_right.size == bytes.size(); }));
  EXPECT_TRUE(first.bytes + join->at_right.bytes == bytes);
  Stop(*join);
}

TEST_P(LoopForward, TheEndComesAfterTheLastByteAndTheOtherDirectionGoesOn) {
  const auto join = MakeJoin();
  const std::string bytes = Pattern(BulkSize());
  Start(*join);
  Read(join->at_right, join->right);
  Read(join->at_left, join->left);
  join->rightwards.then = [&] {
    EXPECT_EQ(loop_->Shutdown(join->inner_right, ShutdownSide::kSend), IoError::kNone);
  };
  Send(join->from_left, join->left, bytes);
  ASSERT_TRUE(RunUntil([&] { return join->from_left.finals == 1; }));
  EXPECT_EQ(loop_->Shutdown(join->left, ShutdownSide::kSend), IoError::kNone);
  ASSERT_TRUE(RunUntil([&] { return join->at_right.error == IoError::kEndOfStream; }));
  EXPECT_TRUE(join->at_right.bytes == bytes);
  EXPECT_EQ(join->rightwards.finals, 1);
  EXPECT_EQ(join->rightwards.error, IoError::kEndOfStream);
  EXPECT_TRUE(join->rightwards.at_sender);
  EXPECT_EQ(join->rightwards.size, bytes.size());

  EXPECT_TRUE(join->leftwards.op.in_flight());
  Send(join->from_right, join->right, "the answer");
  ASSERT_TRUE(RunUntil([&] { return join->at_left.bytes == "the answer"; }));
  Stop(*join);
}

TEST_P(LoopForward, AnEndWithoutAByteIsAnEnd) {
  const auto join = MakeJoin();
  Start(*join);
  Settle();
  EXPECT_EQ(loop_->Shutdown(join->left, ShutdownSide::kSend), IoError::kNone);
  ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kEndOfStream);
  EXPECT_EQ(join->rightwards.size, 0u);
  Stop(*join);
}

TEST_P(LoopForward, AResetOfTheSenderSaysSo) {
  const auto join = MakeJoin();
  Start(*join);
  Settle();
  Close(join->left, CloseMode::kReset);
  ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kReset);
  EXPECT_TRUE(join->rightwards.at_sender);
  Stop(*join);
}

TEST_P(LoopForward, AResetOfTheReceiverIsLearnedWithTheNextBytes) {
  const auto join = MakeJoin();
  loop_->Forward(join->rightwards.op, join->inner_left, join->inner_right);
  Settle();
  Close(join->right, CloseMode::kReset);
  Settle();
  Send(join->from_left, join->left, "anybody?");
  ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kReset);
  EXPECT_FALSE(join->rightwards.at_sender);
  EXPECT_EQ(join->rightwards.size, 0u);
  Stop(*join);
}

TEST_P(LoopForward, AResetEndsAFlowThatIsBlocked) {
  const auto join = MakeJoin();
  const std::string bytes = Pattern(32 << 20);
  Start(*join);
  Send(join->from_left, join->left, bytes);
  Settle();
  EXPECT_EQ(join->rightwards.finals, 0);
  Close(join->right, CloseMode::kReset);
  ASSERT_TRUE(
      RunUntil([&] { return join->rightwards.finals == 1 && join->leftwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kReset);
  EXPECT_FALSE(join->rightwards.at_sender);
  Stop(*join);
}

TEST_P(LoopForward, Rule4_CancelEndsAnIdleFlow) {
  const auto join = MakeJoin();
  Start(*join);
  loop_->Cancel(join->leftwards.op);  // Before the first iteration.
  Settle();
  EXPECT_EQ(join->leftwards.error, IoError::kCanceled);
  loop_->Cancel(join->rightwards.op);
  loop_->Cancel(join->rightwards.op);
  ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kCanceled);

  // Nothing was lost: both directions may be used again.
  Start(*join);
  Send(join->from_left, join->left, "again");
  Read(join->at_right, join->right);
  ASSERT_TRUE(RunUntil([&] { return join->at_right.bytes == "again"; }));
  Stop(*join);
}

TEST_P(LoopForward, Rule4_ACancelAtAnyMomentCompletesOnceWithAPrefixDelivered) {
  const std::string bytes = Pattern(2'000'000);
  for (int moment = 0; moment < 40; ++moment) {
    const auto join = MakeJoin();
    if (moment % 2 == 0) Read(join->at_right, join->right);
    Send(join->from_left, join->left, bytes);
    loop_->Forward(join->rightwards.op, join->inner_left, join->inner_right);
    for (int i = 0; i < moment; ++i) Run(milliseconds(0));
    loop_->Cancel(join->rightwards.op);
    ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
    EXPECT_EQ(join->rightwards.error, IoError::kCanceled);

    // Exactly what it counts arrives.
    EXPECT_EQ(loop_->Shutdown(join->inner_right, ShutdownSide::kSend), IoError::kNone);
    if (moment % 2 == 1) Read(join->at_right, join->right);
    ASSERT_TRUE(RunUntil([&] { return join->at_right.error == IoError::kEndOfStream; }));
    EXPECT_TRUE(join->at_right.bytes == bytes.substr(0, join->rightwards.size));
    Stop(*join);
    EXPECT_EQ(join->rightwards.finals, 1);
    while (!open_.empty()) Close(open_.back(), CloseMode::kReset);
  }
}

TEST_P(LoopForward, AStoppedReaderBoundsWhatIsTaken) {
  const auto join = MakeJoin();
  constexpr uint32_t kBuffer = 65536;
  for (const Socket socket : {join->left, join->inner_left, join->inner_right, join->right}) {
    loop_->SetOptions(socket, {.send_buffer_bytes = kBuffer, .receive_buffer_bytes = kBuffer});
  }
  const std::string bytes = Pattern(32 << 20);
  Start(*join);
  Send(join->from_left, join->left, bytes);
  Settle();
  const uint64_t moved = join->rightwards.op.state.moved;
  EXPECT_GT(moved, 0u);
  Settle();
  EXPECT_EQ(join->rightwards.op.state.moved, moved);
  EXPECT_LE(join->rightwards.op.state.held, kForwardHeldMax);
  loop_->Cancel(join->from_left.op);
  ASSERT_TRUE(RunUntil([&] { return join->from_left.finals == 1; }));
  const uint32_t sent = join->from_left.size;
  // The kernel doubles what is asked for, and may go a little beyond.
  EXPECT_LE(sent, kForwardHeldMax + 4 * 4 * kBuffer);

  // Once it reads, all of that arrives.
  EXPECT_EQ(loop_->Shutdown(join->left, ShutdownSide::kSend), IoError::kNone);
  Read(join->at_right, join->right);
  ASSERT_TRUE(RunUntil([&] { return join->at_right.size == sent; }));
  EXPECT_TRUE(join->at_right.bytes == bytes.substr(0, sent));
  ASSERT_TRUE(RunUntil([&] { return join->rightwards.finals == 1; }));
  EXPECT_EQ(join->rightwards.error, IoError::kEndOfStream);
  Stop(*join);
}

TEST_P(LoopForward, ManyJoinsShareTheLoop) {
  constexpr size_t kJoins = 8;
  const std::string bytes = Pattern(BulkSize());
  std::vector<std::unique_ptr<Join>> joins;
  for (size_t i = 0; i < kJoins; ++i) {
    joins.push_back(MakeJoin());
    Start(*joins.back());
    joins.back()->at_right.keep_bytes = false;
    Read(joins.back()->at_right, joins.back()->right);
  }
  for (auto& join : joins) Send(join->from_left, join->left, bytes);
  uint64_t first = 0;
  while (first < bytes.size()) {
    std::vector<uint64_t> before;
    for (auto& join : joins) before.push_back(join->rightwards.op.state.moved);
    Run(milliseconds(100));
    for (size_t i = 0; i < kJoins; ++i) {
      const uint64_t moved = joins[i]->rightwards.op.state.moved;
      // Work of one turn is bounded.
      ASSERT_LE(moved - before[i], 2 * uint64_t{kForwardHeldMax});
      first = std::max(first, moved);
    }
  }
  for (auto& join : joins) EXPECT_GE(join->rightwards.op.state.moved, bytes.size() / 8);
  for (auto& join : joins) {
    ASSERT_TRUE(RunUntil([&] { return join->at_right.size == bytes.size(); }));
    Stop(*join);
  }
}

TEST_P(LoopForward, Rule2_AFlowMayBeDestroyedOrRestartedInItsOwnHandler) {
  const auto join = MakeJoin();
  auto owned = std::make_unique<Forwarder>(inside_);
  owned->then = [owner = &owned] { auto last = std::move(*owner); };
  loop_->Forward(owned->op, join->inner_left, join->inner_right);
  join->leftwards.then = [&] {
    if (join->leftwards.finals < 3) {
      loop_->Forward(join->leftwards.op, join->inner_right, join->inner_left);
    }
  };
  loop_->Forward(join->leftwards.op, join->inner_right, join->inner_left);
  EXPECT_EQ(loop_->Shutdown(join->left, ShutdownSide::kSend), IoError::kNone);
  EXPECT_EQ(loop_->Shutdown(join->right, ShutdownSide::kSend), IoError::kNone);
  ASSERT_TRUE(RunUntil([&] { return owned == nullptr && join->leftwards.finals == 3; }));
  EXPECT_EQ(join->leftwards.error, IoError::kEndOfStream);
}

TEST_P(LoopForward, Rule1_NothingIsAllocatedAfterSetUp) {
  const auto join = MakeJoin();
  const std::string bytes = Pattern(300'000);
  join->at_right.keep_bytes = join->at_left.keep_bytes = false;
  Start(*join);
  Read(join->at_right, join->right);
  Read(join->at_left, join->left);
  uint64_t before = 0;
  for (uint64_t round = 1; round <= 20; ++round) {
    if (round == 5) before = AllocationCount();
    Send(join->from_left, join->left, bytes);
    Send(join->from_right, join->right, bytes);
    int iterations = 0;
    while (join->at_right.size < round * bytes.size() ||
           join->at_left.size < round * bytes.size() || join->from_left.op.in_flight() ||
           join->from_right.op.in_flight()) {
      Run(milliseconds(1));
      ASSERT_LT(++iterations, 10'000);
    }
  }
  EXPECT_EQ(AllocationCount() - before, 0u);
  Stop(*join);
}

TEST_P(KernelLoopForward, IdleFlowsHoldNoPipe) {
  const size_t before = OpenDescriptors();
  std::vector<std::unique_ptr<Join>> joins;
  constexpr size_t kJoins = 20;
  for (size_t i = 0; i < kJoins; ++i) {
    joins.push_back(MakeJoin());
    Join& join = *joins.back();
    Start(join);
    Read(join.at_right, join.right);
    Read(join.at_left, join.left);
    Send(join.from_left, join.left, Pattern(100'000));
    Send(join.from_right, join.right, "answer");
  }
  for (auto& join : joins) {
    ASSERT_TRUE(RunUntil([&] {
      return join->at_right.size == 100'000 && join->at_left.size == 6 &&
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
  rlimit normal{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &normal), 0);
  rlimit tight = normal;
  tight.rlim_cur = 4;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const std::string bytes = Pattern(1'000'000);
  Start(*join);
  Read(join->at_right, join->right);
  Send(join->from_left, join->left, bytes);
  const bool done = RunUntil([&] { return join->at_right.size == bytes.size(); });
  const size_t pipe_count = pipes().pipe_count();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &normal), 0);
  ASSERT_TRUE(done);
  EXPECT_EQ(pipe_count, 0u);
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
