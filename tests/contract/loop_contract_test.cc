// Goal: every backend keeps every rule of engine/loop/loop.h, whose numbers the tests repeat.
// Method: the same tests on io_uring, epoll and, with several seeds, the simulator, over loopback
// connections. Recorders note each completion and check that handlers run inside RunOnce() only.
// Order, timers and limits are in loop_order_test.cc, files and terminals in loop_file_test.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/contract/loop_fixture.h"

namespace engine {
namespace {

using std::chrono::milliseconds;

class LoopContract : public LoopFixture {};
INSTANTIATE_TEST_SUITE_P(Backends, LoopContract, testing::ValuesIn(AllBackends()), BackendName);

TEST_P(LoopContract, ConnectsAndAcceptsWithTheAddressesOfBothEnds) {
  const auto [client, server] = Pair();
  EXPECT_EQ(loop_->PeerAddress(client), loop_->LocalAddress(server));
  EXPECT_EQ(loop_->LocalAddress(client), loop_->PeerAddress(server));
  EXPECT_TRUE(loop_->PeerAddress(server).loopback());
}

TEST_P(LoopContract, OneAcceptTakesManyConnections) {
  const Socket listener = ListenOnLoopback(64);
  Acceptor acceptor(inside_);
  loop_->Accept(acceptor.op, listener);
  std::vector<std::unique_ptr<Connector>> connectors;
  constexpr size_t kConnections = 40;
  for (size_t i = 0; i < kConnections; ++i) {
    const Opened client = loop_->OpenStream(AF_INET);
    ASSERT_EQ(client.error, IoError::kNone);
    open_.push_back(client.socket);
    connectors.push_back(std::make_unique<Connector>(inside_));
    loop_->Connect(connectors.back()->op, client.socket, loop_->LocalAddress(listener));
  }
  ASSERT_TRUE(RunUntil([&] { return acceptor.sockets.size() == kConnections; }));
  ASSERT_TRUE(RunUntil([&] {
    return std::all_of(connectors.begin(), connectors.end(),
                       [](const auto& each) { return each->finals == 1; });
  }));
  EXPECT_TRUE(acceptor.op.in_flight());
  loop_->Cancel(acceptor.op);
  ASSERT_TRUE(RunUntil([&] { return acceptor.finals == 1; }));
  EXPECT_EQ(acceptor.error, IoError::kCanceled);
  for (const Socket socket : acceptor.sockets) open_.push_back(socket);
}

TEST_P(LoopContract, ConnectIsRefusedWhereNobodyListens) {
  const Socket listener = ListenOnLoopback();
  const Address address = loop_->LocalAddress(listener);
  Close(listener);
  const Opened client = loop_->OpenStream(AF_INET);
  open_.push_back(client.socket);
  Connector connector(inside_);
  loop_->Connect(connector.op, client.socket, address);
  ASSERT_TRUE(RunUntil([&] { return connector.finals == 1; }));
  EXPECT_EQ(connector.error, IoError::kRefused);
}

TEST_P(LoopContract, ListenOnATakenPortSaysInUse) {
  const Socket listener = ListenOnLoopback();
  const Opened second = loop_->Listen(loop_->LocalAddress(listener), 16);
  EXPECT_EQ(second.error, IoError::kInUse);
  EXPECT_FALSE(second.socket.valid());
}

TEST_P(LoopContract, Rule3_ReceiveOnceCompletesOnceAndLeavesTheRest) {
  const auto [client, server] = Pair();
  Sender sender(inside_);
  Receiver receiver(inside_);
  const std::string bytes = Pattern(2 * kBlockSize);
  Send(sender, client, bytes);
  loop_->Receive(receiver.op, server, ReceiveMode::kOnce);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1 && sender.finals == 1; }));
  Settle();
  EXPECT_EQ(receiver.completions, 1);
  EXPECT_GE(receiver.bytes.size(), 1u);
  EXPECT_LE(receiver.bytes.size(), kBlockSize);
  while (receiver.bytes.size() < bytes.size()) {
    const int before = receiver.finals;
    loop_->Receive(receiver.op, server, ReceiveMode::kOnce);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == before + 1; }));
  }
  EXPECT_EQ(receiver.bytes, bytes);
}

TEST_P(LoopContract, Rule3_ReceiveRepeatGoesOnUntilTheEnd) {
  const auto [client, server] = Pair();
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  std::string all;
  for (uint32_t i = 0; i < 20; ++i) {
    const std::string bytes = Pattern(100 + 1000 * i, i);
    all += bytes;
    Sender sender(inside_);
    Send(sender, client, bytes);
    ASSERT_TRUE(RunUntil([&] { return sender.finals == 1 && receiver.bytes == all; }));
    EXPECT_EQ(receiver.finals, 0);
  }
  EXPECT_EQ(loop_->Shutdown(client, ShutdownSide::kSend), IoError::kNone);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kEndOfStream);
  EXPECT_EQ(receiver.bytes, all);
}

TEST_P(LoopContract, Rule4_CancelEndsAnIdleReceiveAndTheSocketGoesOn) {
  for (const ReceiveMode mode : {ReceiveMode::kOnce, ReceiveMode::kRepeat}) {
    const auto [client, server] = Pair();
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, server, mode);
    Settle();
    loop_->Cancel(receiver.op);
    EXPECT_TRUE(receiver.op.in_flight());
    loop_->Cancel(receiver.op);  // Asking twice is asking once.
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    EXPECT_EQ(receiver.error, IoError::kCanceled);
    EXPECT_EQ(receiver.completions, 1);
    loop_->Cancel(receiver.op);  // Not in flight: nothing happens.

    Sender sender(inside_);
    Send(sender, client, "a");
    loop_->Receive(receiver.op, server, ReceiveMode::kOnce);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 2 && sender.finals == 1; }));
    EXPECT_EQ(receiver.bytes, "a");
  }
}

TEST_P(LoopContract, Rule4_CancelBeforeTheFirstIterationCompletesOnce) {
  const auto [client, server] = Pair();
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  loop_->Cancel(receiver.op);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kCanceled);
}

TEST_P(LoopContract, Rule4_ACancelThatRacesWithBytesLosesNone) {
  const auto [client, server] = Pair();
  std::string all;
  Receiver receiver(inside_);
  int canceled = 0;
  for (uint32_t i = 0; i < 50; ++i) {
    const ReceiveMode mode = i % 2 == 0 ? ReceiveMode::kOnce : ReceiveMode::kRepeat;
    const std::string bytes = Pattern(50 + i, i);
    all += bytes;
    Sender sender(inside_);
    const int before = receiver.finals;
    loop_->Receive(receiver.op, server, mode);
    Send(sender, client, bytes);
    if (i % 3 == 0) Run(milliseconds(0));
    loop_->Cancel(receiver.op);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == before + 1 && sender.finals == 1; }));
    canceled += receiver.error == IoError::kCanceled ? 1 : 0;
    // What was not received yet is there for the next one.
    while (receiver.bytes.size() < all.size()) {
      const int again = receiver.finals;
      loop_->Receive(receiver.op, server, ReceiveMode::kOnce);
      ASSERT_TRUE(RunUntil([&] { return receiver.finals == again + 1; }));
      ASSERT_EQ(receiver.error, IoError::kNone);
    }
    ASSERT_EQ(receiver.bytes, all);
  }
  EXPECT_GT(canceled, 0);
}

TEST_P(LoopContract, Rule4_ARepeatingReceiveCanBeCanceledInItsOwnHandler) {
  const auto [client, server] = Pair();
  Receiver receiver(inside_);
  receiver.then = [&] { loop_->Cancel(receiver.op); };
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  Sender sender(inside_);
  const std::string bytes = Pattern(1000);
  Send(sender, client, bytes);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1 && sender.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kCanceled);
  EXPECT_GE(receiver.completions, 2);
}

TEST_P(LoopContract, Rule4_CancelEndsAnAccept) {
  const Socket listener = ListenOnLoopback();
  Acceptor acceptor(inside_);
  loop_->Accept(acceptor.op, listener);
  Settle();
  loop_->Cancel(acceptor.op);
  ASSERT_TRUE(RunUntil([&] { return acceptor.finals == 1; }));
  EXPECT_EQ(acceptor.error, IoError::kCanceled);
}

TEST_P(LoopContract, Rule4_CancelEndsAConnectThatIsNotAnswered) {
  // A listener of backlog 0 with one connection waiting does not answer the ones that follow.
  const Socket listener = ListenOnLoopback(0);
  std::vector<std::unique_ptr<Connector>> connectors;
  for (int i = 0; i < 4; ++i) {
    const Opened client = loop_->OpenStream(AF_INET);
    open_.push_back(client.socket);
    connectors.push_back(std::make_unique<Connector>(inside_));
    loop_->Connect(connectors.back()->op, client.socket, loop_->LocalAddress(listener));
  }
  Settle();
  const auto count = [&](IoError error) {
    return std::count_if(connectors.begin(), connectors.end(), [&](const auto& each) {
      return each->finals == 1 && each->error == error;
    });
  };
  EXPECT_LT(count(IoError::kNone), 4);
  const auto unanswered = 4 - count(IoError::kNone);
  for (const auto& each : connectors) loop_->Cancel(each->op);
  ASSERT_TRUE(RunUntil([&] { return count(IoError::kNone) + count(IoError::kCanceled) == 4; }));
  EXPECT_EQ(count(IoError::kCanceled), unanswered);
}

TEST_P(LoopContract, Rule4_CancelEndsABlockedSendAndSaysHowMuchWentOut) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(32 << 20);
  Sender sender(inside_);
  Send(sender, client, bytes);
  Settle();
  EXPECT_EQ(sender.completions, 0);
  loop_->Cancel(sender.op);
  ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
  EXPECT_EQ(sender.error, IoError::kCanceled);
  EXPECT_GT(sender.size, 0u);
  EXPECT_LT(sender.size, bytes.size());

  // Exactly that much arrives.
  const uint32_t sent = sender.size;
  EXPECT_EQ(loop_->Shutdown(client, ShutdownSide::kSend), IoError::kNone);
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  EXPECT_EQ(receiver.bytes, bytes.substr(0, sent));
}

TEST_P(LoopContract, ASendLargerThanEveryBufferArrivesWhole) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(8 << 20);
  for (const SendMode mode : {SendMode::kCopy, SendMode::kZeroCopy}) {
    Sender sender(inside_);
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
    Send(sender, client, bytes, mode);
    ASSERT_TRUE(
        RunUntil([&] { return sender.finals == 1 && receiver.bytes.size() == bytes.size(); }));
    EXPECT_EQ(sender.error, IoError::kNone);
    EXPECT_EQ(sender.size, bytes.size());
    EXPECT_TRUE(receiver.bytes == bytes);
    loop_->Cancel(receiver.op);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  }
}

TEST_P(LoopContract, SlicesArriveInOrderAndTheirListMayBeReused) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(kSendSlicesMax * 3000);
  for (const SendMode mode : {SendMode::kCopy, SendMode::kZeroCopy}) {
    std::array<ByteView, kSendSlicesMax> slices;
    for (size_t i = 0; i < slices.size(); ++i) slices[i] = AsBytes(bytes).subspan(i * 3000, 3000);
    Sender sender(inside_);
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
    loop_->Send(sender.op, client, slices, mode);
    slices = {};
    ASSERT_TRUE(
        RunUntil([&] { return sender.finals == 1 && receiver.bytes.size() == bytes.size(); }));
    EXPECT_EQ(receiver.bytes, bytes);
    loop_->Cancel(receiver.op);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  }
}

TEST_P(LoopContract, Rule3_AZeroCopySendIsAcceptedAndThenReleased) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(60'000);
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  for (int i = 1; i <= 10; ++i) {
    Sender sender(inside_);
    uint32_t accepted = 0;
    sender.then = [&] {
      if (sender.op.in_flight()) accepted = sender.size;
    };
    Send(sender, client, bytes, SendMode::kZeroCopy);
    ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
    EXPECT_EQ(sender.error, IoError::kNone);
    EXPECT_EQ(sender.size, bytes.size());
    EXPECT_LE(sender.completions, 2);
    if (sender.completions == 2) {
      EXPECT_EQ(accepted, bytes.size());
    }
  }
  ASSERT_TRUE(RunUntil([&] { return receiver.bytes.size() == 10 * bytes.size(); }));
  loop_->Cancel(receiver.op);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
}

TEST_P(LoopContract, Rule3_TheNextSendMayStartWhenAZeroCopyOneWasAccepted) {
  const auto [client, server] = Pair();
  const std::string one = Pattern(100'000, 1);
  const std::string two = Pattern(100'000, 2);
  Sender first(inside_);
  Sender second(inside_);
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  first.then = [&] {
    if (!second.op.in_flight() && second.finals == 0) Send(second, client, two);
  };
  Send(first, client, one, SendMode::kZeroCopy);
  ASSERT_TRUE(RunUntil(
      [&] { return first.finals == 1 && second.finals == 1 && receiver.bytes.size() == 200'000; }));
  EXPECT_EQ(receiver.bytes, one + two);
  loop_->Cancel(receiver.op);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
}

TEST_P(LoopContract, HalfACloseEndsOneDirectionOnly) {
  const auto [client, server] = Pair();
  Receiver at_server(inside_);
  loop_->Receive(at_server.op, server, ReceiveMode::kOnce);
  EXPECT_EQ(loop_->Shutdown(client, ShutdownSide::kSend), IoError::kNone);
  ASSERT_TRUE(RunUntil([&] { return at_server.finals == 1; }));
  EXPECT_EQ(at_server.error, IoError::kEndOfStream);

  Receiver at_client(inside_);
  Sender sender(inside_);
  loop_->Receive(at_client.op, client, ReceiveMode::kOnce);
  Send(sender, server, "!");
  ASSERT_TRUE(RunUntil([&] { return at_client.finals == 1 && sender.finals == 1; }));
  EXPECT_EQ(at_client.bytes, "!");
}

TEST_P(LoopContract, BytesBeforeTheEndAreReceivedFirst) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(3 * kBlockSize + 5);
  Sender sender(inside_);
  Send(sender, client, bytes);
  ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
  Close(client);
  Settle();
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kEndOfStream);
  EXPECT_EQ(receiver.bytes, bytes);
}

TEST_P(LoopContract, AResetReachesTheReceiverAndTheSender) {
  {
    const auto [client, server] = Pair();
    Receiver receiver(inside_);
    loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
    Settle();
    Close(client, CloseMode::kReset);
    ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
    EXPECT_EQ(receiver.error, IoError::kReset);
  }
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(32 << 20);
  Sender sender(inside_);
  Send(sender, client, bytes);
  Settle();
  Close(server, CloseMode::kReset);
  ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
  EXPECT_EQ(sender.error, IoError::kReset);
  EXPECT_LT(sender.size, bytes.size());
}

TEST_P(LoopContract, SendingToAPeerThatIsGoneEndsWithReset) {
  const auto [client, server] = Pair();
  Close(server);
  Settle();
  Sender sender(inside_);
  IoError error = IoError::kNone;
  for (int i = 0; i < 10 && error == IoError::kNone; ++i) {
    const int before = sender.finals;
    Send(sender, client, "anybody?");
    ASSERT_TRUE(RunUntil([&] { return sender.finals == before + 1; }));
    error = sender.error;
    Settle();
  }
  EXPECT_EQ(error, IoError::kReset);
}

TEST_P(LoopContract, Rule5_AnIdleReceiveTakesNoBlock) {
  const auto [client, server] = Pair();
  const uint16_t before = loop_->buffers().free_count();
  EXPECT_GE(before, kBlocks);
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kRepeat);
  Settle();
  EXPECT_EQ(loop_->buffers().free_count(), before);
  loop_->Cancel(receiver.op);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
}

TEST_P(LoopContract, Rule5_WithoutBlocksReceiveSaysSoAndGoesOnLater) {
  for (const ReceiveMode mode : {ReceiveMode::kOnce, ReceiveMode::kRepeat}) {
    const auto [client, server] = Pair();
    const uint16_t before = loop_->buffers().free_count();
    const std::string bytes = Pattern(64 * kBlockSize);
    Sender sender(inside_);
    Send(sender, client, bytes);
    Receiver receiver(inside_);
    receiver.hold = true;
    while (receiver.error != IoError::kNoBuffers) {
      const int finals = receiver.finals;
      loop_->Receive(receiver.op, server, mode);
      ASSERT_TRUE(RunUntil([&] { return receiver.finals > finals; }));
    }
    EXPECT_GE(receiver.held.size(), kBlocks);
    EXPECT_EQ(loop_->buffers().free_count(), 0);

    receiver.held.clear();
    receiver.hold = false;
    while (receiver.bytes.size() < bytes.size()) {
      EXPECT_GT(loop_->buffers().free_count(), 0);
      const int finals = receiver.finals;
      loop_->Receive(receiver.op, server, mode);
      ASSERT_TRUE(RunUntil(
          [&] { return receiver.finals > finals || receiver.bytes.size() == bytes.size(); }));
    }
    EXPECT_TRUE(receiver.bytes == bytes);
    loop_->Cancel(receiver.op);
    ASSERT_TRUE(RunUntil([&] { return !receiver.op.in_flight() && sender.finals == 1; }));
    Settle();
    EXPECT_EQ(loop_->buffers().free_count(), before);
  }
}

TEST_P(LoopContract, Rule5_ABlockReturnsWithItsLastSlice) {
  const auto [client, server] = Pair();
  Settle();
  const uint16_t before = loop_->buffers().free_count();
  Sender sender(inside_);
  Receiver receiver(inside_);
  receiver.hold = true;
  loop_->Receive(receiver.op, server, ReceiveMode::kOnce);
  Send(sender, client, "0123456789");
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1 && sender.finals == 1; }));
  BufferRef tail = receiver.held[0].Share(receiver.held[0].size() - 1, 1);
  receiver.held.clear();
  Settle();
  EXPECT_EQ(loop_->buffers().free_count(), before - 1);
  tail = {};
  EXPECT_EQ(loop_->buffers().free_count(), before);
}

TEST_P(LoopContract, CloseTellsThePeerTheEnd) {
  const auto [client, server] = Pair();
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kOnce);
  Close(client);
  ASSERT_TRUE(RunUntil([&] { return receiver.finals == 1; }));
  EXPECT_EQ(receiver.error, IoError::kEndOfStream);
}

}  // namespace
}  // namespace engine
