// Goal: messages come out once and in order, and what is kept for later is bounded.
// Method: numbers in every wrong order, by hand.

#include "engine/datachannel/message_receiver.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/datachannel/channel_testing.h"

namespace engine::datachannel {
namespace {

class Receiver : public testing::Test {
 protected:
  bool Receive(int64_t sequence, std::string_view payload) {
    return receiver.Receive(InputData(sequence, payload));
  }
  Collector collector;
  MessageReceiver receiver{{.ahead_max = 8, .ahead_bytes_max = 20}, collector};
};

TEST_F(Receiver, MessagesInOrderPassAtOnce) {
  EXPECT_TRUE(Receive(0, "a"));
  EXPECT_TRUE(Receive(1, "b"));
  EXPECT_EQ(collector.text, "ab");
  EXPECT_EQ(receiver.expected(), 2);
}

TEST_F(Receiver, MessagesOutOfOrderWaitForTheirTurn) {
  EXPECT_TRUE(Receive(2, "c"));
  EXPECT_TRUE(Receive(1, "b"));
  EXPECT_EQ(collector.text, "");
  EXPECT_TRUE(Receive(0, "a"));
  EXPECT_EQ(collector.text, "abc");
  EXPECT_EQ(receiver.ahead_count(), 0u);
  EXPECT_EQ(receiver.ahead_bytes(), 0u);
}

// Trap P1: what is acknowledged only once is repeated for minutes.
TEST_F(Receiver, ARepeatedMessageIsAcknowledgedAgainAndNotDelivered) {
  EXPECT_TRUE(Receive(0, "a"));
  EXPECT_TRUE(Receive(2, "c"));
  EXPECT_TRUE(Receive(0, "a"));
  EXPECT_TRUE(Receive(2, "c"));
  EXPECT_EQ(collector.text, "a");
  EXPECT_EQ(receiver.repeated_count(), 2u);
}

TEST_F(Receiver, WhatIsTooFarAheadOrTooMuchIsDroppedUnacknowledged) {
  EXPECT_FALSE(Receive(8, "far"));
  EXPECT_FALSE(Receive(INT64_MAX, "farther"));
  EXPECT_TRUE(Receive(7, "0123456789"));
  EXPECT_TRUE(Receive(6, "0123456789"));
  EXPECT_FALSE(Receive(5, "x")) << "20 bytes are kept already";
  EXPECT_EQ(receiver.dropped_count(), 3u);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(Receive(i, "."));
  EXPECT_EQ(collector.text, "......01234567890123456789");
}

TEST_F(Receiver, ANegativeNumberIsNothing) {
  EXPECT_FALSE(Receive(-1, "x"));
  EXPECT_FALSE(Receive(INT64_MIN, "x"));
  EXPECT_EQ(collector.text, "");
}

// Traps P3 and P33: a consumer that is not ready yet loses nothing.
TEST_F(Receiver, WhatTheConsumerDoesNotTakeIsKeptAndNotAcknowledged) {
  collector.takes = false;
  EXPECT_FALSE(Receive(0, "a"));
  EXPECT_TRUE(Receive(1, "b")) << "later ones wait here";
  EXPECT_FALSE(Receive(0, "a"));
  EXPECT_EQ(collector.text, "");
  collector.takes = true;
  receiver.Retry();
  EXPECT_EQ(collector.text, "ab") << "nobody waits for the sender";
  EXPECT_TRUE(Receive(0, "a")) << "it is acknowledged when it is repeated";
  EXPECT_EQ(collector.text, "ab");
  EXPECT_EQ(receiver.ahead_bytes(), 0u);
}

TEST_F(Receiver, AMessageThatIsRepeatedToAConsumerWhoMayGoOnIsTaken) {
  collector.takes = false;
  EXPECT_FALSE(Receive(0, "a"));
  collector.takes = true;
  EXPECT_TRUE(Receive(0, "a"));
  EXPECT_EQ(collector.text, "a");
}

TEST_F(Receiver, WhatWasAcknowledgedAndNotTakenIsOfferedAgain) {
  EXPECT_TRUE(Receive(1, "b"));
  EXPECT_TRUE(Receive(2, "c"));
  class OneOnly final : public StreamConsumer {
   public:
    bool OnStreamData(PayloadType, ByteView payload) override {
      if (room == 0) return false;
      --room;
      text += AsText(payload);
      return true;
    }
    int room = 1;
    std::string text;
  } one;
  MessageReceiver second({}, one);
  for (const int n : {2, 1, 0}) EXPECT_TRUE(second.Receive(InputData(n, std::to_string(n))));
  EXPECT_EQ(one.text, "0");
  one.room = 1;
  second.Retry();
  EXPECT_EQ(one.text, "01");
  one.room = 5;
  EXPECT_TRUE(second.Receive(InputData(2, "2"))) << "repeated; the one that is kept is taken";
  EXPECT_EQ(one.text, "012");
}

TEST_F(Receiver, AMessageThatComesInsideTheConsumersCallWaits) {
  class Nested final : public StreamConsumer {
   public:
    bool OnStreamData(PayloadType, ByteView payload) override {
      const bool is_first = receiver->expected() == 0;
      EXPECT_TRUE(!is_first || receiver->Receive(InputData(1, "b")));
      text += AsText(payload);
      return true;
    }
    MessageReceiver* receiver = nullptr;
    std::string text;
  } nested;
  MessageReceiver outer({}, nested);
  nested.receiver = &outer;
  EXPECT_TRUE(outer.Receive(InputData(0, "a")));
  EXPECT_EQ(nested.text, "ab");
}

}  // namespace
}  // namespace engine::datachannel
