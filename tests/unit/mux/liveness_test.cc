// Goal: pings, silence and the round trip follow the clock that is passed in.
// Method: walk through hand-made times.

#include "engine/mux/liveness.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Due = Liveness::Due;

const Instant kStart{};
constexpr LivenessTimes kTimes{seconds(5), seconds(5), seconds(15)};

TEST(Liveness, BothEndsNoticeADeadPeerWithin15Seconds) {
  for (const LivenessTimes& times : {kAcceptedLiveness, kConnectedLiveness}) {
    Liveness liveness(times, kStart);
    Instant now = kStart;
    for (Due due = Due::kNothing; due != Due::kSilent;) {
      now = liveness.NextDeadline();
      due = liveness.Check(now);
      if (due == Due::kPing) liveness.Ping(now);
    }
    EXPECT_LE(now, kStart + seconds(15));
  }
}

TEST(Liveness, PingsASilentLinkAndGivesItUpInTime) {
  Liveness liveness(kTimes, kStart);
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(5));
  EXPECT_EQ(liveness.Check(kStart + milliseconds(4'999)), Due::kNothing);
  ASSERT_EQ(liveness.Check(kStart + seconds(5)), Due::kPing);
  liveness.Ping(kStart + seconds(5));
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(10));
  ASSERT_EQ(liveness.Check(kStart + seconds(10)), Due::kPing);
  liveness.Ping(kStart + seconds(10));
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(15));
  EXPECT_EQ(liveness.Check(kStart + seconds(15)), Due::kSilent);
}

TEST(Liveness, FirstPingsAreDueAtTicks) {
  Liveness liveness(kTimes, kStart);
  liveness.Heard(kStart + milliseconds(1));
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(5) + Liveness::kTick);
  liveness.Heard(kStart + Liveness::kTick);
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(5) + Liveness::kTick);
  EXPECT_EQ(liveness.Check(liveness.NextDeadline() - Duration(1)), Due::kNothing);
  EXPECT_EQ(liveness.Check(liveness.NextDeadline()), Due::kPing);
}

TEST(Liveness, TheAcceptingSideAsksFirst) {
  EXPECT_LT(kAcceptedLiveness.first_ping, kConnectedLiveness.first_ping);
  EXPECT_LE(kAcceptedLiveness.silence_max, seconds(14));
  EXPECT_LE(kConnectedLiveness.silence_max, seconds(14));
}

TEST(Liveness, ALinkThatCarriesOnlyPingsRests) {
  Liveness liveness(Resting(kTimes), kStart);
  Instant now = kStart;
  // Pings and their answers, until a minute has passed.
  for (; now - kStart < seconds(60); now += seconds(5)) {
    EXPECT_EQ(liveness.NextDeadline(), now + kTimes.first_ping);
    liveness.Ping(now + seconds(5));
    liveness.Heard(now + seconds(5));
  }
  const Duration rest = Resting(kTimes).rest;
  EXPECT_EQ(liveness.NextDeadline(), now + kTimes.first_ping + rest);
  liveness.Ping(now + seconds(20));
  EXPECT_EQ(liveness.Check(now + kTimes.silence_max + rest - Duration(1)), Due::kPing);
  EXPECT_EQ(liveness.Check(now + kTimes.silence_max + rest), Due::kSilent);
  liveness.Heard(now + seconds(21));
  EXPECT_EQ(liveness.NextDeadline(), now + seconds(21) + kTimes.first_ping + rest);
}

TEST(Liveness, ALinkThatIsUsedDoesNotRest) {
  Liveness liveness(Resting(kTimes), kStart);
  const Instant heard = kStart + seconds(70);
  liveness.Heard(heard);
  liveness.Used(heard + seconds(1));
  EXPECT_EQ(liveness.NextDeadline(), heard + kTimes.first_ping);
  liveness.Heard(heard + seconds(80));
  ASSERT_EQ(liveness.NextDeadline(), heard + seconds(80) + kTimes.first_ping + seconds(15));
  const Instant used = heard + seconds(80) + seconds(18);
  liveness.Used(used);
  EXPECT_EQ(liveness.Check(used), Due::kPing) << "it was silent for longer than others may be";
  liveness.Ping(used);
  const Instant end = used + kTimes.silence_max - kTimes.first_ping;
  EXPECT_NE(liveness.Check(end - Duration(1)), Due::kSilent);
  liveness.Used(used + seconds(3));
  EXPECT_EQ(liveness.Check(end), Due::kSilent) << "more use puts nothing off";
}

TEST(Liveness, ALinkWithAStreamDoesNotRest) {
  Liveness liveness(Resting(kTimes), kStart);
  liveness.SetOccupied(true);
  const Instant heard = kStart + std::chrono::hours(1);
  liveness.Heard(heard);
  EXPECT_EQ(liveness.NextDeadline(), heard + kTimes.first_ping);
  liveness.Used(heard);
  liveness.SetOccupied(false);
  EXPECT_EQ(liveness.NextDeadline(), heard + kTimes.first_ping) << "for another minute";
  liveness.Heard(heard + seconds(60));
  EXPECT_EQ(liveness.NextDeadline(),
            heard + seconds(60) + kTimes.first_ping + Resting(kTimes).rest);
}

TEST(Liveness, ALinkThatMayNotRestIsPingedAsEver) {
  Liveness liveness(kTimes, kStart);
  liveness.Heard(kStart + std::chrono::hours(1));
  EXPECT_EQ(liveness.NextDeadline(), kStart + std::chrono::hours(1) + kTimes.first_ping);
}

TEST(Liveness, AnyByteIsLife) {
  Liveness liveness(kTimes, kStart);
  liveness.Ping(kStart + seconds(5));
  liveness.Ping(kStart + seconds(10));
  liveness.Heard(kStart + seconds(14));
  EXPECT_EQ(liveness.Check(kStart + seconds(15)), Due::kNothing);
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(19));
}

TEST(Liveness, AProcessThatSleptGivesThePeerTimeToAnswer) {
  Liveness liveness(kTimes, kStart);
  const Instant awake = kStart + std::chrono::hours(8);
  ASSERT_EQ(liveness.Check(awake), Due::kPing);
  liveness.Ping(awake);
  EXPECT_EQ(liveness.Check(awake + seconds(4)), Due::kNothing);
  EXPECT_EQ(liveness.Check(awake + seconds(5)), Due::kSilent);
}

TEST(Liveness, ASuspectIsGivenUpEarlyUnlessItIsHeard) {
  Liveness liveness(kTimes, kStart);
  liveness.Suspect(kStart + seconds(1), seconds(1));
  liveness.Ping(kStart + seconds(1));
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(2));
  EXPECT_EQ(liveness.Check(kStart + milliseconds(1'999)), Due::kNothing);
  EXPECT_EQ(liveness.Check(kStart + seconds(2)), Due::kSilent);
  liveness.Suspect(kStart + milliseconds(1'500), seconds(60));
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(2)) << "a second doubt gives no more time";
  liveness.Heard(kStart + milliseconds(1'600));
  EXPECT_EQ(liveness.Check(kStart + seconds(2)), Due::kNothing);
  EXPECT_EQ(liveness.NextDeadline(), kStart + seconds(6) + milliseconds(600));
}

TEST(Liveness, AnswersToNoPingAreIgnored) {
  Liveness liveness(kTimes, kStart);
  liveness.Answered(1, kStart + seconds(1));
  EXPECT_FALSE(liveness.delay().least().has_value());
  const uint64_t number = liveness.Ping(kStart + seconds(1));
  liveness.Answered(number + 1, kStart + seconds(2));
  EXPECT_FALSE(liveness.delay().least().has_value());
  liveness.Answered(number, kStart + seconds(3));
  liveness.Answered(number, kStart + seconds(9));
  EXPECT_EQ(*liveness.delay().least(), seconds(2));
}

TEST(Liveness, ProbesOnceAtATimeAndNotTooOften) {
  Liveness liveness(kTimes, kStart);
  EXPECT_TRUE(liveness.IsProbeDue(kStart));
  const uint64_t number = liveness.Ping(kStart);
  EXPECT_FALSE(liveness.IsProbeDue(kStart + seconds(3)));  // Not answered yet.
  liveness.Answered(number, kStart + milliseconds(10));
  EXPECT_FALSE(liveness.IsProbeDue(kStart + milliseconds(20)));
  EXPECT_TRUE(liveness.IsProbeDue(kStart + Liveness::kProbeInterval));
}

TEST(Liveness, AnAnswerOfTheConnectionBeforeMeasuresNothing) {
  Liveness liveness(kTimes, kStart);
  liveness.Answered(liveness.Ping(kStart), kStart + milliseconds(10));
  const uint64_t lost = liveness.Ping(kStart + seconds(1));
  liveness.StartAnew(kStart + seconds(60));
  EXPECT_FALSE(liveness.delay().least().has_value());
  liveness.Answered(lost, kStart + seconds(61));
  EXPECT_FALSE(liveness.delay().least().has_value());
  EXPECT_TRUE(liveness.IsProbeDue(kStart + seconds(61)));
  liveness.Answered(liveness.Ping(kStart + seconds(61)), kStart + seconds(61) + milliseconds(200));
  EXPECT_EQ(*liveness.delay().least(), milliseconds(200));
}

TEST(Liveness, ProbesOneAfterTheOtherWhileTheWayRunsDry) {
  Liveness liveness(kTimes, kStart);
  liveness.Answered(liveness.Ping(kStart), kStart + milliseconds(10));
  liveness.delay().Drain(kStart + milliseconds(10));
  EXPECT_TRUE(liveness.IsProbeDue(kStart + milliseconds(20)));
}

}  // namespace
}  // namespace engine
