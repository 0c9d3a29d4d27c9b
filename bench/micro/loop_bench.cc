// What one loop costs: a virtual start call, a timer, a message there and back, and bytes in bulk,
// by backend, receive mode and send mode. Both ends of every connection are on the one loop and
// thread, over TCP on the loopback interface, so that the figures hold two programs' work.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/epoll/epoll_loop.h"
#include "engine/loop/loop.h"
#include "engine/loop/socket_options.h"
#include "engine/uring/uring_loop.h"

namespace engine {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kBlockSize = 32 * 1024;

enum BackendName : int64_t { kUring, kEpoll };

std::unique_ptr<PosixLoop> MakeLoop(int64_t backend) {
  if (backend == kEpoll) return std::make_unique<EpollLoop>(uint16_t{256}, kBlockSize);
  std::string why;
  return UringLoop::Create({.block_count = 256, .block_size = kBlockSize}, why);
}

// Connection is two connected sockets, closed with it.
class Connection {
 public:
  explicit Connection(Loop& loop) : loop_(loop) {
    Address address;
    CHECK(Address::Parse("127.0.0.1", 0, address));
    listener_ = loop.Listen(address, 4).socket;
    near_ = loop.OpenStream(AF_INET).socket;
    loop.Accept(accept_, listener_);
    loop.Connect(connect_, near_, loop.LocalAddress(listener_));
    while (!far_.valid() || connect_.in_flight()) loop.RunOnce(milliseconds(10));
    loop.Cancel(accept_);
    while (accept_.in_flight()) loop.RunOnce(milliseconds(10));
    loop.SetOptions(near_, {});
    loop.SetOptions(far_, {});
  }
  ~Connection() {
    for (const Socket socket : {listener_, near_, far_}) {
      loop_.Close(close_, socket);
      while (close_.in_flight()) loop_.RunOnce(milliseconds(10));
    }
  }
  Socket near() const { return near_; }
  Socket far() const { return far_; }

 private:
  void OnAccepted(Accepted accepted) {
    if (accepted.socket.valid()) far_ = accepted.socket;
  }
  void OnConnected(Connected connected) { CHECK(connected.error == IoError::kNone); }
  void OnClosed(Closed) {}

  Loop& loop_;
  Socket listener_;
  Socket near_;
  Socket far_;
  AcceptOp accept_{Handler<Accepted>::To<&Connection::OnAccepted>(this)};
  ConnectOp connect_{Handler<Connected>::To<&Connection::OnConnected>(this)};
  CloseOp close_{Handler<Closed>::To<&Connection::OnClosed>(this)};
};

// Counter receives from a socket and counts; it answers with `answer` for each `message_size`
// bytes.
class Counter {
 public:
  Counter(Loop& loop, Socket socket, ReceiveMode mode, size_t message_size, ByteView answer)
      : loop_(loop), socket_(socket), mode_(mode), message_size_(message_size), answer_(answer) {
    loop_.Receive(receive_, socket_, mode_);
  }
  ~Counter() {
    loop_.Cancel(receive_);
    while (receive_.in_flight() || send_.in_flight()) loop_.RunOnce(milliseconds(10));
  }
  size_t received() const { return received_; }

 private:
  void OnReceived(Received received) {
    if (received.error == IoError::kCanceled) return;
    const bool dry = received.error == IoError::kNoBuffers;
    CHECK(dry || received.error == IoError::kNone);
    const size_t before = received_ / message_size_;
    received_ += received.data.size();
    received.data = {};
    if (!received.more) loop_.Receive(receive_, socket_, mode_);
    if (!answer_.empty() && received_ / message_size_ > before) {
      loop_.Send(send_, socket_, {&answer_, 1}, SendMode::kCopy);
    }
  }
  void OnSent(Sent sent) { CHECK(sent.error == IoError::kNone); }

  Loop& loop_;
  const Socket socket_;
  const ReceiveMode mode_;
  const size_t message_size_;
  const ByteView answer_;
  size_t received_ = 0;
  ReceiveOp receive_{Handler<Received>::To<&Counter::OnReceived>(this)};
  SendOp send_{Handler<Sent>::To<&Counter::OnSent>(this)};
};

class Sender {
 public:
  Sender(Loop& loop, Socket socket, SendMode mode) : loop_(loop), socket_(socket), mode_(mode) {}
  void Send(ByteView bytes) { loop_.Send(op_, socket_, {&bytes, 1}, mode_); }
  bool busy() const { return op_.in_flight(); }
  uint64_t twice() const { return twice_; }  // Sends with two ends, in which pages were pinned.

 private:
  void OnSent(Sent sent) {
    CHECK(sent.error == IoError::kNone);
    twice_ += sent.more ? 1 : 0;
  }
  Loop& loop_;
  const Socket socket_;
  const SendMode mode_;
  uint64_t twice_ = 0;
  SendOp op_{Handler<Sent>::To<&Sender::OnSent>(this)};
};

// One message there and one back, on each of `connections` at a time.
void EchoRoundTrip(benchmark::State& state) {
  const auto loop = MakeLoop(state.range(0));
  if (loop == nullptr) return state.SkipWithError("no io_uring here");
  const auto mode = state.range(1) == 0 ? ReceiveMode::kOnce : ReceiveMode::kRepeat;
  const auto size = static_cast<size_t>(state.range(2));
  const auto count = static_cast<size_t>(state.range(3));
  const std::string message(size, 'm');
  {
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<std::unique_ptr<Counter>> counters;  // Of the near and far ends, in turn.
    std::vector<std::unique_ptr<Sender>> senders;
    for (size_t i = 0; i < count; ++i) {
      connections.push_back(std::make_unique<Connection>(*loop));
      const Connection& each = *connections.back();
      counters.push_back(std::make_unique<Counter>(*loop, each.near(), mode, size, ByteView()));
      counters.push_back(
          std::make_unique<Counter>(*loop, each.far(), mode, size, AsBytes(message)));
      senders.push_back(std::make_unique<Sender>(*loop, each.near(), SendMode::kCopy));
    }
    size_t rounds = 0;
    for (auto _ : state) {
      ++rounds;
      for (auto& sender : senders) sender->Send(AsBytes(message));
      for (size_t i = 0; i < count; ++i) {
        while (counters[2 * i]->received() < rounds * size || senders[i]->busy()) {
          loop->RunOnce(milliseconds(10));
        }
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}
BENCHMARK(EchoRoundTrip)
    ->ArgNames({"epoll", "repeat", "size", "connections"})
    ->ArgsProduct({{kUring, kEpoll}, {0, 1}, {64, 16384}, {1, 64}})
    ->UseRealTime();

// Bytes in one direction, `size` at a time, copied or pinned by the kernel.
void Bulk(benchmark::State& state) {
  const auto loop = MakeLoop(state.range(0));
  if (loop == nullptr) return state.SkipWithError("no io_uring here");
  const auto mode = state.range(1) == 0 ? SendMode::kCopy : SendMode::kZeroCopy;
  const auto size = static_cast<size_t>(state.range(2));
  const std::string bytes(size, 'b');
  constexpr size_t kSenders = 4;  // Taken in turn, so that one may be released late.
  {
    const Connection connection(*loop);
    Counter counter(*loop, connection.far(), ReceiveMode::kRepeat, SIZE_MAX, ByteView());
    std::vector<std::unique_ptr<Sender>> senders;
    for (size_t i = 0; i < kSenders; ++i) {
      senders.push_back(std::make_unique<Sender>(*loop, connection.near(), mode));
    }
    size_t sent = 0;
    for (auto _ : state) {
      Sender& sender = *senders[sent++ % kSenders];
      while (sender.busy()) loop->RunOnce(milliseconds(10));
      sender.Send(AsBytes(bytes));
      while (counter.received() < sent * size) loop->RunOnce(milliseconds(10));
    }
    uint64_t twice = 0;
    for (auto& sender : senders) {
      while (sender->busy()) loop->RunOnce(milliseconds(10));
      twice += sender->twice();
    }
    state.counters["two_ends"] = static_cast<double>(twice) / static_cast<double>(sent);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}
BENCHMARK(Bulk)
    ->ArgNames({"epoll", "zero_copy", "size"})
    ->ArgsProduct({{kUring}, {0, 1}, {4096, 16384, 65536, 262144, 1048576}})
    ->ArgsProduct({{kEpoll}, {0}, {4096, 16384, 65536, 262144, 1048576}})
    ->UseRealTime();

struct Timers {
  void OnFired(Fired) {}
  explicit Timers(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      ops.push_back(std::make_unique<TimerOp>(Handler<Fired>::To<&Timers::OnFired>(this)));
    }
  }
  std::vector<std::unique_ptr<TimerOp>> ops;
};

// Starting and canceling a batch of timers, and the iteration that completes them. The start is
// called through Loop, or directly: the difference is what a virtual call costs.
template <class CalledAs>
void TimerStart(benchmark::State& state) {
  const auto loop = MakeLoop(kEpoll);
  CalledAs& called = *loop;
  const auto count = static_cast<size_t>(state.range(0));
  Timers timers(count);
  for (auto _ : state) {
    const Instant now = loop->Now();
    for (size_t i = 0; i < count; ++i) {
      called.StartTimer(*timers.ops[i], now + std::chrono::seconds(1) + Duration(i * 7919 % 1000));
    }
    for (auto& op : timers.ops) called.Cancel(*op);
    loop->RunOnce(Duration::zero());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}
BENCHMARK(TimerStart<Loop>)->Arg(64)->Arg(4096);
BENCHMARK(TimerStart<PosixLoop>)->Arg(64)->Arg(4096);

// An iteration in which nothing happens.
void IdleIteration(benchmark::State& state) {
  const auto loop = MakeLoop(state.range(0));
  if (loop == nullptr) return state.SkipWithError("no io_uring here");
  for (auto _ : state) loop->RunOnce(Duration::zero());
}
BENCHMARK(IdleIteration)->ArgName("epoll")->Arg(kUring)->Arg(kEpoll);

}  // namespace
}  // namespace engine
