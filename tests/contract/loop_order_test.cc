// Goal: timers, order, re-entrancy, waking and limits are the same on every backend.
// Method: as in loop_contract_test.cc; rule numbers are those of engine/loop/loop.h. Where a thread
// or a limit of the kernel is needed, only the backends of real kernels run.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/loop/mailbox.h"
#include "engine/loop/socket_options.h"
#include "tests/contract/loop_fixture.h"
#include "tests/support/allocation_count.h"

namespace engine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LoopOrder : public LoopFixture {};
INSTANTIATE_TEST_SUITE_P(Backends, LoopOrder, testing::ValuesIn(AllBackends()), BackendName);

class KernelLoopOrder : public LoopFixture {};
INSTANTIATE_TEST_SUITE_P(Backends, KernelLoopOrder, testing::ValuesIn(RealBackends()), BackendName);

TEST_P(LoopOrder, TimersFireInTheOrderOfTheirDeadlines) {
  const Instant start = loop_->Now();
  std::vector<int> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  const int delays_ms[] = {7, 3, 5, 3, 0, 7, 1};
  for (int i = 0; i < 7; ++i) {
    timers.push_back(std::make_unique<Timer>(inside_));
    timers.back()->then = [&, i] {
      fired.push_back(i);
      EXPECT_GE(loop_->Now(), start + milliseconds(delays_ms[i]));
    };
    loop_->StartTimer(timers.back()->op, start + milliseconds(delays_ms[i]));
  }
  ASSERT_TRUE(RunUntil([&] { return fired.size() == 7; }));
  EXPECT_EQ(fired, (std::vector<int>{4, 6, 1, 3, 2, 0, 5}));
}

TEST_P(LoopOrder, AThousandTimersFireOnceEachOrAreCanceled) {
  Random random(7);
  const Instant start = loop_->Now();
  std::vector<std::unique_ptr<Timer>> timers;
  Instant last = start;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<Timer>(inside_));
    const Instant deadline = start + microseconds(random.Range(0, 30'000));
    timers.back()->then = [&, i, deadline] {
      if (timers[static_cast<size_t>(i)]->error == IoError::kCanceled) return;
      EXPECT_GE(loop_->Now(), deadline);
      EXPECT_GE(deadline, last);
      last = deadline;
    };
    loop_->StartTimer(timers.back()->op, deadline);
  }
  for (size_t i = 0; i < timers.size(); i += 3) loop_->Cancel(timers[i]->op);
  ASSERT_TRUE(RunUntil([&] {
    return std::all_of(timers.begin(), timers.end(), [](auto& each) { return each->finals == 1; });
  }));
  for (size_t i = 0; i < timers.size(); ++i) {
    const IoError expected = i % 3 == 0 ? IoError::kCanceled : IoError::kNone;
    EXPECT_EQ(timers[i]->error, expected);
  }
}

TEST_P(LoopOrder, ATimerThatIsStartedLateFiresInTheNextIteration) {
  Timer timer(inside_);
  int runs = 0;
  timer.then = [&] {
    if (++runs < 3) loop_->StartTimer(timer.op, loop_->Now() - seconds(1));
  };
  loop_->StartTimer(timer.op, loop_->Now());
  int iterations = 0;
  while (runs < 3) {
    const int before = runs;
    Run(seconds(10));
    EXPECT_LE(runs, before + 1);
    ASSERT_LT(++iterations, 20);
  }
}

TEST_P(LoopOrder, ATimerEndsAWaitThatWouldBeLonger) {
  Timer timer(inside_);
  const Instant start = loop_->Now();
  loop_->StartTimer(timer.op, start + milliseconds(5));
  int iterations = 0;
  for (; timer.finals == 0; ++iterations) Run(seconds(60));
  EXPECT_LT(loop_->Now() - start, seconds(5));
  EXPECT_LE(iterations, 5);  // Nearly always one; a signal may end a wait early.
}

TEST_P(LoopOrder, RunOnceWithZeroDoesNotWait) {
  Timer timer(inside_);
  const Instant start = loop_->Now();
  loop_->StartTimer(timer.op, start + seconds(60));
  for (int i = 0; i < 100; ++i) Run(milliseconds(0));
  EXPECT_LT(loop_->Now() - start, seconds(5));
  EXPECT_EQ(timer.finals, 0);
  loop_->Cancel(timer.op);
  ASSERT_TRUE(RunUntil([&] { return timer.finals == 1; }));
  EXPECT_EQ(timer.error, IoError::kCanceled);
}

TEST_P(LoopOrder, NowIsTheSameForAllHandlersOfOneIteration) {
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<Instant> seen;
  const Instant due = loop_->Now();
  for (int i = 0; i < 50; ++i) {
    timers.push_back(std::make_unique<Timer>(inside_));
    timers.back()->then = [&] { seen.push_back(loop_->Now()); };
    loop_->StartTimer(timers.back()->op, due);
  }
  Run(milliseconds(0));
  ASSERT_EQ(seen.size(), 50u);
  EXPECT_EQ(seen.front(), seen.back());
}

TEST_P(LoopOrder, ATimerMayCancelAnotherThatIsDueInTheSameIteration) {
  Timer first(inside_);
  Timer second(inside_);
  first.then = [&] { loop_->Cancel(second.op); };
  loop_->StartTimer(first.op, loop_->Now());
  loop_->StartTimer(second.op, loop_->Now());
  ASSERT_TRUE(RunUntil([&] { return first.finals == 1 && second.finals == 1; }));
  EXPECT_EQ(first.error, IoError::kNone);
  EXPECT_EQ(second.error, IoError::kCanceled);
}

TEST_P(LoopOrder, Rule2_AnOpMayBeRestartedInItsOwnHandler) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(100);
  Receiver receiver(inside_);
  Sender sender(inside_);
  const Socket from = client;
  const Socket to = server;
  receiver.then = [&] {
    if (receiver.bytes.size() < 20 * bytes.size()) {
      loop_->Receive(receiver.op, to, ReceiveMode::kOnce);
    }
  };
  sender.then = [&] {
    if (sender.finals < 20) Send(sender, from, bytes);
  };
  loop_->Receive(receiver.op, to, ReceiveMode::kOnce);
  Send(sender, from, bytes);
  ASSERT_TRUE(RunUntil([&] { return sender.finals == 20 && !receiver.op.in_flight(); }));
  EXPECT_EQ(receiver.bytes.size(), 20 * bytes.size());
}

TEST_P(LoopOrder, Rule2_AnOpMayBeDestroyedInItsOwnFinalHandler) {
  const auto [client, server] = Pair();
  auto receiver = std::make_unique<Receiver>(inside_);
  auto sender = std::make_unique<Sender>(inside_);
  auto timer = std::make_unique<Timer>(inside_);
  // The handlers move what they capture out first: it dies with the op.
  receiver->then = [owner = &receiver] { auto last = std::move(*owner); };
  sender->then = [owner = &sender] { auto last = std::move(*owner); };
  timer->then = [owner = &timer] { auto last = std::move(*owner); };
  loop_->Receive(receiver->op, server, ReceiveMode::kOnce);
  Send(*sender, client, "x");
  loop_->StartTimer(timer->op, loop_->Now());
  ASSERT_TRUE(
      RunUntil([&] { return receiver == nullptr && sender == nullptr && timer == nullptr; }));
}

TEST_P(LoopOrder, Rule6_BytesOfManySendsArriveInOrder) {
  const auto [client, server] = Pair();
  const Socket from = client;
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  std::string all;
  std::vector<std::string> parts;
  for (uint32_t i = 0; i < 200; ++i) {
    parts.push_back(Pattern(1 + (i * 37) % 9000, i));
    all += parts.back();
  }
  Sender sender(inside_);
  size_t next = 0;
  sender.then = [&] {
    if (!sender.op.in_flight() && ++next < parts.size()) {
      Send(sender, from, parts[next], next % 2 == 0 ? SendMode::kCopy : SendMode::kZeroCopy);
    }
  };
  Send(sender, from, parts[0]);
  ASSERT_TRUE(RunUntil([&] { return receiver.bytes.size() == all.size(); }));
  EXPECT_TRUE(receiver.bytes == all);
  ASSERT_TRUE(RunUntil([&] { return next == parts.size(); }));
  loop_->Cancel(receiver.op);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
}

TEST_P(LoopOrder, ManyConnectionsShareTheLoop) {
  constexpr size_t kPairs = 20;
  const std::string bytes = Pattern(200'000);
  struct Flow {
    explicit Flow(const bool& inside) : sender(inside), receiver(inside) {}
    Sender sender;
    Receiver receiver;
  };
  std::vector<std::unique_ptr<Flow>> flows;
  for (size_t i = 0; i < kPairs; ++i) {
    const auto [client, server] = Pair();
    flows.push_back(std::make_unique<Flow>(inside_));
    Flow& flow = *flows.back();
    const Socket to = server;
    flow.receiver.then = [&, to] {
      if (flow.receiver.error == IoError::kNoBuffers) {
        loop_->Receive(flow.receiver.op, to, ReceiveMode::kRepeat);
      }
    };
    loop_->Receive(flow.receiver.op, server, ReceiveMode::kRepeat);
    Send(flow.sender, client, bytes);
  }
  for (auto& flow : flows) {
    ASSERT_TRUE(RunUntil([&] { return flow->receiver.bytes.size() == bytes.size(); }));
    EXPECT_TRUE(flow->receiver.bytes == bytes);
    loop_->Cancel(flow->receiver.op);
    ASSERT_TRUE(RunUntil([&] { return !flow->receiver.op.in_flight(); }));
    ASSERT_TRUE(RunUntil([&] { return flow->sender.finals == 1; }));
  }
}

TEST_P(LoopOrder, Rule1_NothingIsAllocatedAfterSetUp) {
  const auto [client, server] = Pair();
  const Socket from = client;
  const Socket to = server;
  const std::string bytes = Pattern(5000);
  struct State {
    explicit State(const bool& inside)
        : forth(inside), back(inside), at_client(inside), at_server(inside), timer(inside) {}
    Sender forth;
    Sender back;
    Receiver at_client;
    Receiver at_server;
    Timer timer;
  } state(inside_);
  state.at_client.keep_bytes = state.at_server.keep_bytes = false;
  // The server answers each message once it is whole; the client receives one piece at a time.
  constexpr size_t kRounds = 200;
  size_t round = 0;
  state.at_server.then = [&] {
    if (state.at_server.size == (round + 1) * bytes.size()) {
      // A zero-copy Send is released when the peer acknowledges, which may take it 40 ms.
      Send(state.back, to, bytes, round % 20 == 15 ? SendMode::kZeroCopy : SendMode::kCopy);
    }
  };
  state.at_client.then = [&] {
    if (state.at_client.size < kRounds * bytes.size()) {
      loop_->Receive(state.at_client.op, from, ReceiveMode::kOnce);
    }
  };
  uint64_t before = 0;
  loop_->Receive(state.at_server.op, to, ReceiveMode::kRepeat);
  loop_->Receive(state.at_client.op, from, ReceiveMode::kOnce);
  for (; round < kRounds; ++round) {
    if (round == 10) before = AllocationCount();
    loop_->StartTimer(state.timer.op, loop_->Now() + microseconds(1));
    Send(state.forth, from, bytes);
    int iterations = 0;
    while (state.at_client.size < (round + 1) * bytes.size() || state.timer.op.in_flight() ||
           state.forth.op.in_flight() || state.back.op.in_flight()) {
      Run(milliseconds(1));
      ASSERT_LT(++iterations, 10'000);
    }
  }
  EXPECT_EQ(AllocationCount() - before, 0u);
  loop_->Cancel(state.at_server.op);
  loop_->Cancel(state.at_client.op);
  ASSERT_TRUE(
      RunUntil([&] { return !state.at_server.op.in_flight() && !state.at_client.op.in_flight(); }));
}

TEST_P(LoopOrder, OptionsAreTakenByEverySocket) {
  const auto [client, server] = Pair();
  loop_->SetOptions(client, {.no_delay = true, .unsent_max_bytes = 16384});
  loop_->SetOptions(server, {.keepalive_idle = seconds(30), .keepalive_probes = 3});
}

TEST_P(LoopOrder, Rule7_WakeEndsTheNextWait) {
  const Instant start = loop_->Now();
  for (int i = 0; i < 3; ++i) {
    loop_->Wake();
    loop_->Wake();
    Run(seconds(60));
  }
  EXPECT_LT(loop_->Now() - start, seconds(30));
}

TEST_P(KernelLoopOrder, Rule7_WakeFromAnotherThreadEndsAWait) {
  for (int i = 0; i < 100; ++i) {
    std::thread other([&] { loop_->Wake(); });
    Run(seconds(60));
    other.join();
    Run(milliseconds(0));  // In case the wake came before the wait.
  }
}

struct Counter {
  void Add(std::unique_ptr<uint64_t> value) { sum += *value; }
  uint64_t sum = 0;
};

TEST_P(KernelLoopOrder, AMailboxBringsEveryLetterFromManyThreads) {
  Mailbox mailbox(*loop_, 64);
  Counter counter;
  constexpr uint64_t kLetters = 2000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (uint64_t value = 1; value <= kLetters; ++value) {
        auto payload = std::make_unique<uint64_t>(value);
        while (!mailbox.Post<&Counter::Add>(&counter, std::move(payload))) {
          std::this_thread::yield();
        }
      }
    });
  }
  size_t delivered = 0;
  while (delivered < 3 * kLetters) {
    Run(seconds(60));
    delivered += mailbox.Deliver();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.sum, 3 * kLetters * (kLetters + 1) / 2);
}

TEST_P(KernelLoopOrder, ASocketMovesToAnotherLoop) {
  const auto [client, server] = Pair();
  const Socket moving = server;
  Receiver here(inside_);
  Sender sender(inside_);
  Send(sender, client, "a");
  loop_->Receive(here.op, moving, ReceiveMode::kOnce);
  ASSERT_TRUE(RunUntil([&] { return here.finals == 1 && sender.finals == 1; }));
  loop_->Release(moving);
  std::erase(open_, moving);

  const std::unique_ptr<Loop> other = MakeLoop(GetParam(), kBlocks, kBlockSize);
  const Socket there = other->Adopt(static_cast<int>(moving.handle));
  EXPECT_EQ(there.kind, SocketKind::kSocket);
  bool always = true;
  Receiver receiver(always);
  other->Receive(receiver.op, there, ReceiveMode::kOnce);
  other->RunOnce(milliseconds(0));
  Send(sender, client, "b");
  ASSERT_TRUE(RunUntil([&] { return sender.finals == 2; }));
  for (int i = 0; i < 1000 && receiver.finals == 0; ++i) other->RunOnce(milliseconds(10));
  EXPECT_EQ(receiver.bytes, "b");
  Closer closer(always);
  other->Close(closer.op, there);
  for (int i = 0; i < 1000 && closer.finals == 0; ++i) other->RunOnce(milliseconds(10));
}

TEST_P(KernelLoopOrder, WithoutDescriptorsAcceptSaysExhausted) {
  const Socket listener = ListenOnLoopback();
  Acceptor acceptor(inside_);
  Connector connector(inside_);
  const Opened client = loop_->OpenStream(AF_INET);
  open_.push_back(client.socket);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(client.socket.handle) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  EXPECT_EQ(loop_->OpenStream(AF_INET).error, IoError::kExhausted);
  loop_->Accept(acceptor.op, listener);
  loop_->Connect(connector.op, client.socket, loop_->LocalAddress(listener));
  const bool done = RunUntil([&] { return acceptor.finals == 1 && connector.finals == 1; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(done);
  EXPECT_EQ(acceptor.error, IoError::kExhausted);

  // The connection is still there for the next Accept.
  loop_->Accept(acceptor.op, listener);
  ASSERT_TRUE(RunUntil([&] { return acceptor.sockets.size() == 1; }));
  open_.push_back(acceptor.sockets[0]);
  loop_->Cancel(acceptor.op);
  ASSERT_TRUE(RunUntil([&] { return acceptor.finals == 2; }));
}

TEST_P(KernelLoopOrder, ThousandsOfConnectionsLeaveNoDescriptorBehind) {
  const Socket listener = ListenOnLoopback(128);
  const Address address = loop_->LocalAddress(listener);
  Acceptor acceptor(inside_);
  loop_->Accept(acceptor.op, listener);
  intptr_t highest = 0;
  for (int i = 0; i < 2000; ++i) {
    const Opened client = loop_->OpenStream(AF_INET);
    ASSERT_EQ(client.error, IoError::kNone);
    Connector connector(inside_);
    loop_->Connect(connector.op, client.socket, address);
    ASSERT_TRUE(RunUntil([&] { return connector.finals == 1 && acceptor.sockets.size() == 1; }));
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, acceptor.sockets[0], ReceiveMode::kRepeat);
    Close(client.socket, CloseMode::kReset);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    highest = std::max(highest, acceptor.sockets[0].handle);
    Close(acceptor.sockets[0]);
    acceptor.sockets.clear();
  }
  EXPECT_LT(highest, 40);
  loop_->Cancel(acceptor.op);
  ASSERT_TRUE(RunUntil([&] { return acceptor.finals == 1; }));
}

}  // namespace
}  // namespace engine
