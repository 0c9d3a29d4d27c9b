// Goal: Forward keeps its contract on every backend: with pipes, where it splices, without, where
// it copies, and in the simulator.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/loop/socket_options.h"
#include "tests/contract/loop_forward_fixture.h"
#include "tests/support/allocation_count.h"

namespace engine {
namespace {

using std::chrono::milliseconds;

class LoopForward : public LoopForwardFixture {};
INSTANTIATE_TEST_SUITE_P(Backends, LoopForward, testing::ValuesIn(ForwardBackends()), BackendName);

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
  // Until nothing moves any more; how long the kernel takes for that is its affair.
  uint64_t before = 0;
  ASSERT_TRUE(RunUntil([&] {
    Settle();
    return std::exchange(before, join->rightwards.op.state.moved) ==
           join->rightwards.op.state.moved;
  }));
  EXPECT_GT(before, 0u);
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

}  // namespace
}  // namespace engine
