// Goal: a receive of the mode kBatch takes what is there, block by block, and nothing else.
// Method: more bytes than one receive may take wait at a socket, on every backend; then the same
// with a small pool, a cancel between two blocks, an end and a reset behind the bytes.

#include <gtest/gtest.h>

#include <string>

#include "tests/contract/loop_fixture.h"

namespace engine {
namespace {

class LoopBatch : public LoopFixture {
 protected:
  // Fill sends bytes and waits until they are at the other end.
  void Fill(Socket from, std::string_view bytes) {
    Sender sender(inside_);
    Send(sender, from, bytes);
    ASSERT_TRUE(RunUntil([&] { return sender.finals == 1; }));
    Settle();
  }

  // ReceiveBatch receives once and returns how many completions came, which it checks.
  int ReceiveBatch(Receiver& receiver, Socket socket) {
    const int completions = receiver.completions;
    const int finals = receiver.finals;
    loop_->Receive(receiver.op, socket, ReceiveMode::kBatch);
    EXPECT_TRUE(RunUntil([&] { return receiver.finals > finals; }));
    EXPECT_EQ(receiver.finals, finals + 1);
    return receiver.completions - completions;
  }
};
INSTANTIATE_TEST_SUITE_P(Backends, LoopBatch, testing::ValuesIn(AllBackends()), BackendName);

TEST_P(LoopBatch, ComesInOrderAndInBlocksThatAreBounded) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(14 * kBlockSize + 7);
  Fill(client, bytes);
  Receiver receiver(inside_);
  int largest = 0;
  while (receiver.bytes.size() < bytes.size() && !HasFailure()) {
    const int count = ReceiveBatch(receiver, server);
    EXPECT_LE(count, static_cast<int>(kReceiveBlocksMax));
    largest = std::max(largest, count);
  }
  EXPECT_EQ(receiver.bytes, bytes);
  if (real()) {
    EXPECT_GT(largest, 1);
  }
}

TEST_P(LoopBatch, OneIterationBringsAllOfIt) {
  const auto [client, server] = Pair();
  Fill(client, Pattern(6 * kBlockSize));
  Receiver receiver(inside_);
  loop_->Receive(receiver.op, server, ReceiveMode::kBatch);
  while (receiver.completions == 0) Run(std::chrono::seconds(1));
  EXPECT_EQ(receiver.finals, 1);
}

TEST_P(LoopBatch, AKeystrokeIsOneBlock) {
  const auto [client, server] = Pair();
  Fill(client, "a");
  Receiver receiver(inside_);
  EXPECT_EQ(ReceiveBatch(receiver, server), 1);
  EXPECT_EQ(receiver.bytes, "a");
}

TEST_P(LoopBatch, AScarcePoolGivesOneBlock) {
  const auto [client, server] = Pair();
  Fill(client, Pattern(8 * kBlockSize));
  std::vector<BufferRef> others;
  while (loop_->buffers().free_count() > 4) others.push_back(loop_->buffers().Take());
  Receiver receiver(inside_);
  receiver.hold = true;
  const int count = ReceiveBatch(receiver, server);
  EXPECT_EQ(receiver.error, IoError::kNone);
  if (real()) {
    EXPECT_EQ(count, 1);
  }
  EXPECT_LE(count, 4);
}

TEST_P(LoopBatch, ACancelBetweenTwoBlocksComesTooLate) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(6 * kBlockSize);
  Fill(client, bytes);
  Receiver receiver(inside_);
  receiver.then = [&] { loop_->Cancel(receiver.op); };
  while (receiver.bytes.size() < bytes.size() && !HasFailure()) ReceiveBatch(receiver, server);
  EXPECT_EQ(receiver.error, IoError::kNone);
  EXPECT_EQ(receiver.bytes, bytes);
}

TEST_P(LoopBatch, AnEndBehindTheBytesIsToldToTheNext) {
  const auto [client, server] = Pair();
  const std::string bytes = Pattern(5 * kBlockSize);
  Fill(client, bytes);
  EXPECT_EQ(loop_->Shutdown(client, ShutdownSide::kSend), IoError::kNone);
  Settle();
  Receiver receiver(inside_);
  while (receiver.bytes.size() < bytes.size() && !HasFailure()) {
    ReceiveBatch(receiver, server);
    EXPECT_EQ(receiver.error, IoError::kNone);
  }
  EXPECT_EQ(receiver.bytes, bytes);
  EXPECT_EQ(ReceiveBatch(receiver, server), 1);
  EXPECT_EQ(receiver.error, IoError::kEndOfStream);
}

TEST_P(LoopBatch, AResetBehindTheBytesIsNotLost) {
  const auto [client, server] = Pair();
  Fill(client, Pattern(3 * kBlockSize));
  Close(client, CloseMode::kReset);
  Settle();
  Receiver receiver(inside_);
  while (receiver.error == IoError::kNone && !HasFailure()) ReceiveBatch(receiver, server);
  EXPECT_EQ(receiver.error, IoError::kReset);
}

}  // namespace
}  // namespace engine
