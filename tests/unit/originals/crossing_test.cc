#include "relay/originals/crossing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace relay {
namespace {

using engine::datachannel::AgentMessage;
using engine::datachannel::PayloadType;
using Verdict = Crossing::Verdict;

class CrossingTest : public testing::Test, private Crossing::Watch {
 protected:
  static std::string Bytes(int64_t sequence, std::string_view payload) {
    const AgentMessage message{.type = engine::datachannel::MessageType::kOutputStreamData,
                               .created_ms = 1,
                               .sequence = sequence,
                               .payload_type = PayloadType::kOutput,
                               .payload = engine::AsBytes(payload)};
    std::string bytes(engine::datachannel::kAgentPayloadOffset + payload.size(), '\0');
    engine::datachannel::Encode(message, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }
  Verdict Take(int64_t sequence, std::string_view payload = "x") {
    const std::string bytes = Bytes(sequence, payload);
    AgentMessage message;
    EXPECT_EQ(Decode(engine::AsBytes(bytes), message),
              engine::datachannel::AgentMessageError::kNone);
    return crossing.Take(message, engine::AsBytes(bytes));
  }
  // Due is the numbers of what is passed on now.
  std::vector<int64_t> Due() {
    std::vector<int64_t> numbers;
    while (crossing.HasNext()) {
      AgentMessage message;
      EXPECT_EQ(Decode(crossing.Next(now).bytes, message),
                engine::datachannel::AgentMessageError::kNone);
      numbers.push_back(message.sequence);
    }
    return numbers;
  }
  void Pass(engine::Duration time) {
    now += time;
    crossing.HandleDeadline(now);
  }
  using Numbers = std::vector<int64_t>;

  engine::Instant now{std::chrono::hours(1)};
  std::string seen;
  Crossing crossing{*this};

 private:
  void OnPassing(Crossing&, PayloadType, engine::ByteView payload) override {
    seen += engine::AsText(payload);
  }
};

TEST_F(CrossingTest, MessagesPassByteForByte) {
  Take(0, "one");
  ASSERT_TRUE(crossing.HasNext());
  EXPECT_EQ(engine::AsText(crossing.Next(now).bytes), Bytes(0, "one"));
  EXPECT_FALSE(crossing.HasNext());
  EXPECT_EQ(crossing.unacknowledged(), 1u);
  EXPECT_TRUE(crossing.Acknowledge(0, now));
  EXPECT_EQ(crossing.unacknowledged(), 0u);
}

TEST_F(CrossingTest, WhatComesOutOfOrderPassesSoAndIsSeenInOrderOnce) {
  Take(1, "b");
  Take(2, "c");
  Take(1, "b");
  EXPECT_EQ(Due(), (Numbers{1, 2}));
  EXPECT_TRUE(crossing.Acknowledge(1, now));
  EXPECT_EQ(seen, "");
  Take(0, "a");
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(Due(), (Numbers{0}));
  Take(2, "c");
  EXPECT_EQ(Due(), (Numbers{2})) << "its sender repeats what was not acknowledged";
  EXPECT_EQ(seen, "abc");
}

// P1: who acknowledges a message once is sent it for minutes.
TEST_F(CrossingTest, ARepetitionOfWhatWasAcknowledgedDoesNotPass) {
  for (int i = 0; i < 3; ++i) Take(i);
  Due();
  crossing.Acknowledge(0, now);
  crossing.Acknowledge(2, now);
  EXPECT_EQ(Take(0), Verdict::kAcknowledged);
  EXPECT_EQ(Take(2), Verdict::kAcknowledged) << "behind a gap as well";
  EXPECT_EQ(Take(1), Verdict::kTaken);
  EXPECT_EQ(Due(), (Numbers{1}));
}

TEST_F(CrossingTest, AnotherConnectionIsSentWhatWasNotAcknowledged) {
  for (int i = 0; i < 4; ++i) Take(i);
  EXPECT_EQ(Due(), (Numbers{0, 1, 2, 3}));
  crossing.Acknowledge(1, now);
  crossing.Restart();
  EXPECT_EQ(Due(), (Numbers{0, 2, 3}));
}

TEST_F(CrossingTest, AWordOfWhatNeverPassedSaysNothing) {
  Take(0);
  EXPECT_FALSE(crossing.Acknowledge(0, now)) << "it was not sent yet";
  EXPECT_FALSE(crossing.Acknowledge(7, now));
  EXPECT_FALSE(crossing.Acknowledge(-1, now));
  EXPECT_EQ(Due(), (Numbers{0}));
}

// P2: a client never acknowledges again.
TEST_F(CrossingTest, WhatIsNeverAcknowledgedBeforeALaterOneIsTakenForDelivered) {
  for (int i = 0; i < 3; ++i) Take(i);
  Due();
  crossing.Restart();
  Due();
  crossing.Acknowledge(2, now);
  Pass(Crossing::kSuspectPeriod);
  EXPECT_EQ(Due(), (Numbers{0, 1})) << "what was acknowledged was sent behind them";
  Pass(Crossing::kSuspectPeriod);
  EXPECT_EQ(Due(), Numbers{}) << "they may be on their way";
  for (uint32_t i = 2; i < Crossing::kSuspicionsMax; ++i) {
    Pass(Crossing::kPatience);
    EXPECT_EQ(Due(), (Numbers{0, 1}));
  }
  Pass(Crossing::kPatience);
  EXPECT_EQ(crossing.unacknowledged(), 0u);
  EXPECT_EQ(Take(0), Verdict::kAcknowledged);
  EXPECT_EQ(crossing.NextDeadline(), engine::Instant::max());
}

TEST_F(CrossingTest, WithoutALaterWordNothingIsTakenForDelivered) {
  Take(0);
  for (int i = 0; i < 100; ++i) {
    Pass(Crossing::kSuspectPeriod);
    Take(0);
    EXPECT_EQ(Due(), (Numbers{0}));
  }
  EXPECT_EQ(crossing.unacknowledged(), 1u);
}

TEST_F(CrossingTest, ItHoldsSoMuchAndNoMore) {
  const std::string piece(engine::datachannel::kAgentPayloadMax, 'x');
  int64_t n = 0;
  while (!crossing.full()) ASSERT_EQ(Take(n++, piece), Verdict::kTaken);
  while (Take(n, piece) == Verdict::kTaken) ++n;
  EXPECT_LE(static_cast<size_t>(n) * piece.size(), Crossing::kBytesLimit);
  EXPECT_EQ(Take(n, piece), Verdict::kNoRoom);
  Due();
  crossing.Acknowledge(0, now);
  EXPECT_EQ(Take(n, piece), Verdict::kTaken);
}

TEST_F(CrossingTest, AfterACutAFewMoreTellWhetherAllOfItWasTaken) {
  const std::string piece(1024, 'x');
  int64_t n = 0;
  while (Take(n, piece) == Verdict::kTaken) ++n;
  EXPECT_TRUE(crossing.full());
  for (size_t cut = 0; cut < 3; ++cut) {  // All of it is taken, and every word of that is lost.
    Due();
    crossing.Restart();
    EXPECT_FALSE(crossing.full());
    for (size_t i = 0; i < Crossing::kProbesMax; ++i) EXPECT_EQ(Take(n++, piece), Verdict::kTaken);
    EXPECT_EQ(Take(n, piece), Verdict::kNoRoom);
    EXPECT_TRUE(crossing.full());
  }
  Due();
  crossing.Acknowledge(n - 1, now);
  EXPECT_FALSE(crossing.full()) << "the rest is suspect";
  for (int i = 0; i < 200 && crossing.unacknowledged() > 0; ++i) {
    Take(n, piece);
    Due();
    crossing.Acknowledge(n++, now);
    Pass(Crossing::kSuspectPeriod);
  }
  EXPECT_EQ(crossing.unacknowledged(), 0u) << "what is said next shows it soon";
}

TEST_F(CrossingTest, NumbersFarAheadFindNoRoom) {
  EXPECT_EQ(Take(Crossing::kSpanMax), Verdict::kNoRoom);
  EXPECT_EQ(Take(-1), Verdict::kNoRoom);
  EXPECT_EQ(Take(INT64_MAX), Verdict::kNoRoom);
  EXPECT_EQ(Take(Crossing::kSpanMax - 1), Verdict::kTaken);
  EXPECT_TRUE(crossing.full());
}

}  // namespace
}  // namespace relay
