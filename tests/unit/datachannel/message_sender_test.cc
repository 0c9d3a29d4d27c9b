// Goal: a message is repeated until it is acknowledged, no more often than it must be, and what is
// kept is bounded.
// Method: a sender alone, acknowledgements by hand, and a clock that the test moves.

#include "engine/datachannel/message_sender.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine::datachannel {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Sender : public testing::Test {
 protected:
  void Push(size_t count) {
    for (size_t i = 0; i < count; ++i) sender.Push(PayloadType::kOutput, AsBytes("x"));
  }
  // Sent returns the numbers of all messages that are sent now.
  std::vector<int64_t> Sent() {
    std::vector<int64_t> numbers;
    AgentMessage message;
    while (sender.Next(now, 1, message)) numbers.push_back(message.sequence);
    return numbers;
  }
  // SentWithin lets time pass, scan by scan, and returns what was sent.
  std::vector<int64_t> SentWithin(Duration time) {
    std::vector<int64_t> numbers;
    const Instant end = now + time;
    while (sender.NextDeadline() <= end) {
      now = sender.NextDeadline();
      sender.HandleDeadline(now);
      for (const int64_t number : Sent()) numbers.push_back(number);
    }
    now = end;
    return numbers;
  }
  void Acknowledge(std::vector<int64_t> numbers) {
    for (const int64_t number : numbers) sender.Acknowledged(number, now);
  }
  using Numbers = std::vector<int64_t>;

  static constexpr size_t probes_max = 2;
  Instant now{std::chrono::hours(1)};
  MessageSender sender{
      MessageType::kOutputStreamData,
      {.in_flight_max = 4, .span_max = 8, .probes_max = probes_max, .repeats_max = minutes(5)},
      1};
};

TEST_F(Sender, MessagesAreNumberedFromZeroAndTheFirstSaysSo) {
  sender.Push(PayloadType::kHandshakeRequest, AsBytes("{}"));
  sender.Push(PayloadType::kOutput, AsBytes("$ "));
  AgentMessage first, second;
  ASSERT_TRUE(sender.Next(now, 5, first));
  EXPECT_EQ(first.type, MessageType::kOutputStreamData);
  EXPECT_EQ(first.sequence, 0);
  EXPECT_EQ(first.flags, kFlagSyn);
  EXPECT_EQ(first.created_ms, 5u);
  EXPECT_EQ(first.payload_type, PayloadType::kHandshakeRequest);
  EXPECT_EQ(AsText(first.payload), "{}");
  ASSERT_TRUE(sender.Next(now, 6, second));
  EXPECT_EQ(second.sequence, 1);
  EXPECT_EQ(second.flags, 0u);
  EXPECT_NE(second.id, first.id);
  EXPECT_FALSE(sender.Next(now, 7, second));
}

TEST_F(Sender, ARepeatedMessageIsTheSameMessage) {
  Push(1);
  AgentMessage first, again;
  ASSERT_TRUE(sender.Next(now, 5, first));
  now += milliseconds(200);
  sender.HandleDeadline(now);
  ASSERT_TRUE(sender.Next(now, 99, again));
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.created_ms, 5u);
  EXPECT_EQ(again.sequence, 0);
  EXPECT_EQ(sender.repeated_count(), 1u);
}

TEST_F(Sender, NothingIsRepeatedBeforeItsTimeOrAfterItsAcknowledgement) {
  Push(2);
  EXPECT_EQ(Sent(), (Numbers{0, 1}));
  EXPECT_EQ(SentWithin(milliseconds(199)), Numbers{});
  EXPECT_EQ(SentWithin(milliseconds(1)), (Numbers{0, 1}));
  Acknowledge({0});
  EXPECT_EQ(SentWithin(milliseconds(399)), Numbers{1});
  Acknowledge({1});
  EXPECT_TRUE(sender.empty());
  EXPECT_EQ(sender.NextDeadline(), Instant::max());
}

TEST_F(Sender, WhatIsInFlightIsBounded) {
  Push(4);
  EXPECT_FALSE(sender.HasRoom()) << "sent or not";
  Sent();
  EXPECT_FALSE(sender.HasRoom());
  Acknowledge({0});
  EXPECT_TRUE(sender.HasRoom());
}

// Trap P2: clients do not acknowledge twice, so a lost acknowledgement must not stop the rest.
TEST_F(Sender, AMessageWithALaterOneAcknowledgedHoldsUpNobodyUntilTheSpanIsFull) {
  Push(4);
  Sent();
  Acknowledge({1, 2, 3});
  for (int64_t n = 4; n < 8; ++n) {
    ASSERT_TRUE(sender.HasRoom()) << n;
    Push(1);
    Sent();
    Acknowledge({n});
  }
  EXPECT_FALSE(sender.HasRoom()) << "0 to 7 are the whole span";
  SentWithin(seconds(10));
  EXPECT_TRUE(sender.empty()) << "it was sent often enough, and is taken for delivered";
  EXPECT_EQ(sender.repeated_count(), MessageSender::kSuspicionsMax - 1);
  EXPECT_TRUE(sender.HasRoom());
}

TEST_F(Sender, AMessageWithoutALaterOneAcknowledgedIsNeverGivenUp) {
  Push(1);
  Sent();
  SentWithin(minutes(30));
  EXPECT_FALSE(sender.empty());
  EXPECT_NE(SentWithin(MessageSender::kPatienceMax + milliseconds(100)), Numbers{});
}

TEST_F(Sender, RepeatingBecomesRareWhenNobodyAnswers) {
  Push(1);
  Sent();
  SentWithin(minutes(1));
  EXPECT_LE(SentWithin(minutes(1)).size(), 6u);
}

TEST_F(Sender, AMessageThatIsRepeatedForTooLongMakesTheChannelUndeliverable) {
  Push(1);
  Sent();
  SentWithin(minutes(4));
  EXPECT_FALSE(sender.undeliverable());
  SentWithin(minutes(2));
  EXPECT_TRUE(sender.undeliverable());
}

TEST_F(Sender, AScanRepeatsABurstAndNoMore) {
  MessageSender wide(MessageType::kInputStreamData, {}, 1);
  AgentMessage message;
  for (int i = 0; i < 100; ++i) wide.Push(PayloadType::kOutput, AsBytes("x"));
  while (wide.Next(now, 1, message)) {
  }
  now += milliseconds(300);
  wide.HandleDeadline(now);
  size_t count = 0;
  while (wide.Next(now, 1, message)) ++count;
  EXPECT_EQ(count, MessageSender::kScanRepeatsMax);
}

TEST_F(Sender, ANewConnectionCarriesEverythingThatIsMissingInOrder) {
  Push(4);
  Sent();
  Acknowledge({2});
  sender.Restart();
  EXPECT_EQ(Sent(), (Numbers{0, 1, 3}));
}

TEST_F(Sender, AfterANewConnectionOnlyItsOwnAcknowledgementsMakeSuspects) {
  Push(4);
  Sent();
  Acknowledge({3});
  EXPECT_TRUE(sender.HasRoom());
  sender.Restart();
  EXPECT_TRUE(sender.HasRoom()) << "three are in flight";
  Push(1 + probes_max);
  EXPECT_FALSE(sender.HasRoom());
  EXPECT_EQ(Sent(), (Numbers{0, 1, 2, 4, 5, 6}));
  Acknowledge({4});
  EXPECT_TRUE(sender.HasRoom());
}

// Trap P2: all that was in flight was taken, and every acknowledgement of it was lost with the
// connection.
TEST_F(Sender, AFullWindowThatNobodyWillEverAcknowledgeMovesOnAfterACut) {
  Push(4);
  Sent();
  ASSERT_FALSE(sender.HasRoom());
  sender.Restart();
  Push(1);
  EXPECT_EQ(Sent(), (Numbers{0, 1, 2, 3, 4}));
  Acknowledge({4});
  EXPECT_TRUE(sender.HasRoom());
}

TEST_F(Sender, AProbeIsForAConnectionThatIsNotTheFirstAndHasHeardNothing) {
  sender.Restart();
  Push(4);
  Sent();
  EXPECT_FALSE(sender.HasRoom()) << "nothing can have been lost";
  sender.Restart();
  Push(probes_max);
  EXPECT_FALSE(sender.HasRoom()) << "they are few";
  Sent();
  sender.Restart();
  Sent();
  Acknowledge({0});
  EXPECT_FALSE(sender.HasRoom()) << "somebody acknowledges";
}

// All that is sent is taken, and of each connection the last acknowledgement alone arrives.
TEST_F(Sender, CutsThatAreFasterThanGivingUpDoNotStopItForGood) {
  int64_t next = 0;
  const auto carry = [&](int count) {
    for (; count > 0 && sender.HasRoom(); --count, ++next) Push(1);
    const Numbers sent = Sent();
    if (!sent.empty()) Acknowledge({sent.back()});
  };
  for (int cut = 0; cut < 30; ++cut) {
    carry(3);
    sender.Restart();
  }
  carry(1);
  EXPECT_FALSE(sender.HasRoom()) << "or this tests nothing";
  SentWithin(seconds(10));
  EXPECT_TRUE(sender.empty());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(sender.HasRoom());
    carry(1);
  }
}

TEST_F(Sender, WhenTheSpanIsUsedUpMoreIsRepeatedAtOnce) {
  MessageSender wide{MessageType::kOutputStreamData, {.in_flight_max = 64, .span_max = 64}, 1};
  AgentMessage message;
  while (wide.HasRoom()) wide.Push(PayloadType::kOutput, AsBytes("x"));
  while (wide.Next(now, 1, message)) {
  }
  now += seconds(1);
  wide.HandleDeadline(now);
  size_t repeated = 0;
  while (wide.Next(now, 1, message)) ++repeated;
  EXPECT_EQ(repeated, 64u);
}

TEST_F(Sender, AnAcknowledgementOfNothingChangesNothing) {
  Push(2);
  Acknowledge({0, 1, 2, -1, INT64_MAX, INT64_MIN});
  EXPECT_EQ(Sent(), (Numbers{0, 1})) << "what was not sent cannot have arrived";
  Acknowledge({0, 0, 0});
  EXPECT_FALSE(sender.empty());
  EXPECT_EQ(sender.round_trip().smoothed(), milliseconds(87) + std::chrono::microseconds(500));
}

TEST_F(Sender, AStoppedSenderIsSilent) {
  Push(1);
  Sent();
  Push(1);
  sender.set_stopped(true);
  EXPECT_EQ(Sent(), Numbers{});
  EXPECT_EQ(sender.NextDeadline(), Instant::max());
  sender.set_stopped(false);
  EXPECT_EQ(Sent(), Numbers{1});
  EXPECT_EQ(SentWithin(milliseconds(200)), (Numbers{0, 1}));
}

}  // namespace
}  // namespace engine::datachannel
