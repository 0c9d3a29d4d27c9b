// Goal: a forwarding hop with bounded memory loses, repeats and reorders no byte and leaks no
// block, whatever the seed; and one that may hold every block of the pool can stall (the first trap
// of the loop's contract). Method: source, hop and sink on the simulator; the hop holds received
// blocks until a zero-copy send releases them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "engine/sim/sim_loop.h"

namespace engine::sim {
namespace {

using std::chrono::milliseconds;

constexpr size_t kTotal = 200'000;
constexpr uint16_t kBlocks = 8;

std::byte Pattern(size_t i) { return static_cast<std::byte>((i * 7 + i / 251) & 0xFF); }

class Source {
 public:
  Source(Loop& loop, Socket socket) : loop_(loop), socket_(socket) { SendMore(); }
  void Stop() {
    offset_ = kTotal;
    loop_.Cancel(send_);
  }

 private:
  void SendMore() {
    const size_t size = std::min(bytes_.size(), kTotal - offset_);
    if (size == 0) return;
    for (size_t i = 0; i < size; ++i) bytes_[i] = Pattern(offset_ + i);
    offset_ += size;
    const ByteView whole = ByteView(bytes_).first(size);
    const std::array<ByteView, 2> slices = {whole.first(size / 2), whole.subspan(size / 2)};
    loop_.Send(send_, socket_, slices, SendMode::kCopy);
  }
  void OnSent(Sent sent) {
    if (sent.error == IoError::kNone) SendMore();
  }
  Loop& loop_;
  const Socket socket_;
  size_t offset_ = 0;
  std::array<std::byte, 4096> bytes_{};
  SendOp send_{Handler<Sent>::To<&Source::OnSent>(this)};
};

class Hop {
 public:
  Hop(Loop& loop, Socket in, Socket out, size_t blocks_max)
      : loop_(loop), in_(in), out_(out), blocks_max_(blocks_max) {}
  // Tick receives while there is a block to receive into, and it would not hold too many.
  void Tick() {
    if (stopped_ || receive_.in_flight()) return;
    if (count_ >= blocks_max_ || loop_.buffers().free_count() == 0) return;
    loop_.Receive(receive_, in_, ReceiveMode::kOnce);
  }
  void Stop() {
    stopped_ = true;
    loop_.Cancel(receive_);
    loop_.Cancel(send_);
  }

 private:
  void OnReceived(Received received) {
    if (received.error != IoError::kNone) return;
    queue_[(head_ + count_++) % kQueue] = std::move(received.data);
    if (!send_.in_flight()) SendNext();
  }
  void SendNext() {
    if (count_ == 0) return;
    const ByteView slice = queue_[head_].bytes();
    loop_.Send(send_, out_, {&slice, 1}, SendMode::kZeroCopy);
  }
  void OnSent(Sent sent) {
    if (sent.more || sent.error != IoError::kNone) return;  // Accepted, not released: keep it.
    queue_[head_] = {};
    head_ = (head_ + 1) % kQueue;
    --count_;
    SendNext();
  }
  static constexpr size_t kQueue = 16;
  Loop& loop_;
  const Socket in_;
  const Socket out_;
  const size_t blocks_max_;
  std::array<BufferRef, kQueue> queue_;
  size_t head_ = 0;
  size_t count_ = 0;
  bool stopped_ = false;
  ReceiveOp receive_{Handler<Received>::To<&Hop::OnReceived>(this)};
  SendOp send_{Handler<Sent>::To<&Hop::OnSent>(this)};
};

class Sink {
 public:
  Sink(Loop& loop, Socket socket) : loop_(loop), socket_(socket) { Tick(); }
  void Tick() {
    if (receive_.in_flight() || loop_.buffers().free_count() == 0) return;
    loop_.Receive(receive_, socket_, ReceiveMode::kRepeat);
  }
  void Stop() { loop_.Cancel(receive_); }
  size_t received() const { return received_; }
  bool intact() const { return intact_; }

 private:
  void OnReceived(Received got) {
    for (std::byte byte : got.data.bytes()) intact_ = intact_ && byte == Pattern(received_++);
  }
  Loop& loop_;
  const Socket socket_;
  size_t received_ = 0;
  bool intact_ = true;
  ReceiveOp receive_{Handler<Received>::To<&Sink::OnReceived>(this)};
};

struct Outcome {
  bool stalled;
  bool intact;
  uint64_t trace;
};

Outcome RunSeed(uint64_t seed, size_t blocks_max) {
  SimLoop loop(seed, Faults{}, kBlocks, 1024);
  const auto a = loop.ConnectedPair();
  const auto b = loop.ConnectedPair();
  Source source(loop, a[0]);
  Sink sink(loop, b[1]);
  Outcome outcome{};
  {
    Hop hop(loop, a[1], b[0], blocks_max);
    for (int i = 0; i < 20'000 && sink.received() < kTotal; ++i) {
      loop.RunOnce(milliseconds(1));
      hop.Tick();
      sink.Tick();
    }
    outcome.stalled = sink.received() < kTotal;
    while (loop.in_flight_count() > 0) {
      source.Stop();
      hop.Stop();
      sink.Stop();
      loop.RunOnce(milliseconds(1));
    }
  }
  EXPECT_EQ(loop.buffers().free_count(), kBlocks);
  outcome.intact = sink.intact();
  outcome.trace = loop.trace_hash();
  return outcome;
}

TEST(SimForwardingTest, AHopWithAMaximumNeverStalls) {
  for (const size_t blocks_max : {size_t{1}, size_t{4}, size_t{7}}) {
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      const Outcome outcome = RunSeed(seed, blocks_max);
      EXPECT_FALSE(outcome.stalled) << "blocks_max " << blocks_max << " seed " << seed;
      EXPECT_TRUE(outcome.intact) << "blocks_max " << blocks_max << " seed " << seed;
    }
  }
}

TEST(SimForwardingTest, AHopThatMayHoldEveryBlockStallsInSomeSeeds) {
  int stalled = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Outcome outcome = RunSeed(seed, kBlocks);
    stalled += outcome.stalled ? 1 : 0;
    EXPECT_TRUE(outcome.intact) << "seed " << seed;
  }
  EXPECT_GT(stalled, 0);
  EXPECT_LT(stalled, 200);
}

TEST(SimForwardingTest, TheSameSeedIsTheSameRun) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(RunSeed(seed, 4).trace, RunSeed(seed, 4).trace);
  }
}

}  // namespace
}  // namespace engine::sim
