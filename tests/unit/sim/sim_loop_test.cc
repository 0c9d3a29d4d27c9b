// Goal: the simulator's own promises: one seed is one run, time is virtual, the network has
// latency, bandwidth and half-open death, and misuse stops the process. The loop's contract is
// tested in tests/contract. Method: small exchanges on virtual time.

#include "engine/sim/sim_loop.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <set>
#include <string>
#include <utility>

namespace engine::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Faults kNoFaults{
    .delay = 0, .short_receive = 0, .short_send = 0, .cancel_loses = 0, .reset_loses_bytes = 0};

// Flow sends `total` bytes from one socket to another and notes when they came.
class Flow {
 public:
  Flow(SimLoop& loop, std::array<Socket, 2> ends, size_t total) : loop_(loop), bytes_(total, 'x') {
    loop_.Receive(receive_, ends[1], ReceiveMode::kRepeat);
    const ByteView slice = AsBytes(bytes_);
    loop_.Send(send_, ends[0], {&slice, 1}, SendMode::kCopy);
  }
  // Run goes on until everything came, or `most` has passed.
  bool Run(Duration most) {
    const Instant start = loop_.Now();
    while (received_ < bytes_.size() && loop_.Now() - start < most)
      loop_.RunOnce(milliseconds(100));
    return received_ == bytes_.size();
  }
  void Stop() {
    loop_.Cancel(receive_);
    loop_.Cancel(send_);
    while (receive_.in_flight() || send_.in_flight()) loop_.RunOnce(milliseconds(1));
  }
  Instant first() const { return first_; }
  Instant last() const { return last_; }
  IoError error() const { return error_; }

 private:
  void OnReceived(Received received) {
    if (received_ == 0) first_ = loop_.Now();
    last_ = loop_.Now();
    received_ += received.data.size();
    error_ = received.error;
  }
  void OnSent(Sent) {}
  SimLoop& loop_;
  const std::string bytes_;
  size_t received_ = 0;
  Instant first_{};
  Instant last_{};
  IoError error_ = IoError::kNone;
  ReceiveOp receive_{Handler<Received>::To<&Flow::OnReceived>(this)};
  SendOp send_{Handler<Sent>::To<&Flow::OnSent>(this)};
};

uint64_t TraceOf(uint64_t seed) {
  SimLoop loop(seed, Faults::Swarm(3), 8, 1000);
  Flow flow(loop, loop.ConnectedPair(), 300'000);
  flow.Run(seconds(60));
  flow.Stop();
  return loop.trace_hash();
}

TEST(SimLoopTest, OneSeedIsOneRun) {
  std::set<uint64_t> traces;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const uint64_t trace = TraceOf(seed);
    EXPECT_EQ(TraceOf(seed), trace);
    traces.insert(trace);
  }
  EXPECT_EQ(traces.size(), 20u);
}

TEST(SimLoopTest, AnHourWithNothingToDoTakesOneIteration) {
  SimLoop loop(1, kNoFaults, 8, 1000);
  const Instant start = loop.Now();
  loop.RunOnce(hours(1));
  EXPECT_GE(loop.Now() - start, hours(1));
}

TEST(SimNetworkTest, LatencyDelaysTheFirstByte) {
  Faults faults = kNoFaults;
  faults.latency_min = faults.latency_max = milliseconds(80);
  SimLoop loop(1, faults, 64, 1000);
  const Instant start = loop.Now();
  Flow flow(loop, loop.ConnectedPair(), 10);
  ASSERT_TRUE(flow.Run(seconds(10)));
  EXPECT_GE(flow.first() - start, milliseconds(80));
  EXPECT_LE(flow.first() - start, milliseconds(85));
  flow.Stop();
}

TEST(SimNetworkTest, BandwidthStretchesATransfer) {
  Faults faults = kNoFaults;
  faults.bytes_per_second = 100'000;
  SimLoop loop(1, faults, 64, 1000);
  const Instant start = loop.Now();
  Flow flow(loop, loop.ConnectedPair(), 200'000);
  ASSERT_TRUE(flow.Run(seconds(60)));
  EXPECT_GE(flow.last() - start, milliseconds(1900));
  EXPECT_LE(flow.last() - start, milliseconds(2300));
  flow.Stop();
}

TEST(SimNetworkTest, AVanishedPeerIsNeverHeardOfAgain) {
  SimLoop loop(1, kNoFaults, 64, 1000);
  const auto ends = loop.ConnectedPair();
  loop.network().Vanish(ends[0]);
  Flow flow(loop, ends, 1000);
  EXPECT_FALSE(flow.Run(hours(3)));
  EXPECT_EQ(flow.error(), IoError::kNone);
  flow.Stop();
}

TEST(SimNetworkTest, WhatIsSentOnAStalledConnectionArrivesLate) {
  SimLoop loop(1, kNoFaults, 8, 1000);
  const auto ends = loop.ConnectedPair();
  loop.network().Stall(ends[1], loop.Now() + seconds(3));
  Flow flow(loop, ends, 10);
  EXPECT_FALSE(flow.Run(seconds(2)));
  EXPECT_TRUE(flow.Run(seconds(2)));
  flow.Stop();
}

TEST(SimNetworkTest, ABrokenConnectionIsResetAtBothEnds) {
  SimLoop loop(1, kNoFaults, 64, 1000);
  const auto ends = loop.ConnectedPair();
  Flow forth(loop, ends, 1'000'000);
  Flow back(loop, {ends[1], ends[0]}, 1);
  loop.RunOnce(milliseconds(1));
  loop.network().Break(ends[0], loop.Now());
  EXPECT_FALSE(forth.Run(seconds(1)));
  EXPECT_EQ(forth.error(), IoError::kReset);
  EXPECT_EQ(back.error(), IoError::kReset);
  forth.Stop();
  back.Stop();
}

TEST(SimNetworkTest, SocketsHaveAMaximum) {
  SimLoop loop(1, kNoFaults, 4, 100);
  for (size_t i = 0; i < SimNetwork::kSocketsMax; ++i) {
    ASSERT_EQ(loop.OpenStream(AF_INET).error, IoError::kNone);
  }
  EXPECT_EQ(loop.OpenStream(AF_INET).error, IoError::kExhausted);
  EXPECT_EQ(loop.network().open_count(), SimNetwork::kSocketsMax);
}

TEST(FaultsTest, ASwarmTurnsEachFaultOffInManySets) {
  int without_delay = 0;
  int with_reset = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Faults faults = Faults::Swarm(seed);
    without_delay += faults.delay == 0 ? 1 : 0;
    with_reset += faults.reset > 0 ? 1 : 0;
    EXPECT_LT(faults.delay, 100u);
    EXPECT_LE(faults.latency_min, faults.latency_max);
  }
  EXPECT_GT(without_delay, 20);
  EXPECT_GT(with_reset, 10);
  EXPECT_LT(with_reset, 60);
}

class SimLoopDeathTest : public testing::Test {
 protected:
  void OnReceived(Received) {}
  void OnSent(Sent) {}
  void OnClosed(Closed) {}
  SimLoop loop_{1, kNoFaults, 8, 100};
  ReceiveOp receive_{Handler<Received>::To<&SimLoopDeathTest::OnReceived>(this)};
  ReceiveOp second_{Handler<Received>::To<&SimLoopDeathTest::OnReceived>(this)};
  SendOp send_{Handler<Sent>::To<&SimLoopDeathTest::OnSent>(this)};
  CloseOp close_{Handler<Closed>::To<&SimLoopDeathTest::OnClosed>(this)};
  void Drain() {
    loop_.Cancel(receive_);
    loop_.Cancel(send_);
    while (loop_.in_flight_count() > 0) loop_.RunOnce(milliseconds(1));
  }
};

TEST_F(SimLoopDeathTest, ClosingUnderAnOpStopsTheProcess) {
  const auto ends = loop_.ConnectedPair();
  loop_.Receive(receive_, ends[0], ReceiveMode::kOnce);
  EXPECT_DEATH(loop_.Close(close_, ends[0]), "CHECK");
  Drain();
}

TEST_F(SimLoopDeathTest, ASecondReceiveStopsTheProcess) {
  const auto ends = loop_.ConnectedPair();
  loop_.Receive(receive_, ends[0], ReceiveMode::kOnce);
  EXPECT_DEATH(loop_.Receive(second_, ends[0], ReceiveMode::kOnce), "CHECK");
  Drain();
}

TEST_F(SimLoopDeathTest, UsingAClosedSocketStopsTheProcess) {
  const auto ends = loop_.ConnectedPair();
  loop_.Close(close_, ends[0]);
  Drain();
  EXPECT_DEATH(loop_.Receive(receive_, ends[0], ReceiveMode::kOnce), "CHECK");
}

TEST_F(SimLoopDeathTest, ChangingBorrowedBytesStopsTheProcess) {
  const auto ends = loop_.ConnectedPair();
  std::string bytes(10, 'a');
  const ByteView slice = AsBytes(bytes);
  loop_.Send(send_, ends[0], {&slice, 1}, SendMode::kZeroCopy);
  EXPECT_DEATH(
      {
        bytes[3] = 'b';
        Drain();
      },
      "CHECK");
  Drain();
}

TEST_F(SimLoopDeathTest, WaitingForNothingForEverStopsTheProcess) {
  EXPECT_DEATH(loop_.RunOnce(Duration::max()), "CHECK");
}

}  // namespace
}  // namespace engine::sim
