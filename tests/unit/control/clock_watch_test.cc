// Goal: a wall clock that was set is seen, and by how much; time in which nothing ran is not that.
// Method: both clocks by hand.

#include "relay/clock_watch.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

constexpr int64_t kUnix = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;

TEST(ClockWatch, TimeThatPassesIsNoStepHoweverLong) {
  ClockWatch watch;
  EXPECT_EQ(watch.Look(5, kUnix), 0) << "nothing is known before";
  EXPECT_EQ(watch.Look(205, kUnix + 200), 0);
  EXPECT_EQ(watch.Look(205 + 30 * kHour, kUnix + 200 + 30 * kHour), 0) << "stopped, or asleep";
}

TEST(ClockWatch, AClockThatWasSetIsSeenOnceAndByHowMuch) {
  ClockWatch watch;
  EXPECT_EQ(watch.Look(0, kUnix), 0);
  EXPECT_EQ(watch.Look(200, kUnix + 200 + kHour), kHour);
  EXPECT_EQ(watch.Look(400, kUnix + 400 + kHour), 0);
  EXPECT_EQ(watch.Look(600, kUnix + 600), -kHour);
  EXPECT_EQ(watch.Look(800, 7), 7 - kUnix - 800) << "1970";
}

TEST(ClockWatch, AClockThatIsSetWhileNothingRunsIsSeen) {
  ClockWatch watch;
  EXPECT_EQ(watch.Look(0, kUnix), 0);
  EXPECT_EQ(watch.Look(5 * kHour, kUnix + 3 * kHour), -2 * kHour);
}

TEST(ClockWatch, AnotherWatchGoesOnFromWhereTheFirstWas) {
  ClockWatch first;
  EXPECT_EQ(first.Look(100, kUnix), 0);
  EXPECT_EQ(first.begin_unix_ms(), kUnix - 100);
  ClockWatch next(first.begin_unix_ms());
  EXPECT_EQ(next.Look(900, kUnix + 800 - kHour), -kHour);
  EXPECT_EQ(next.begin_unix_ms(), kUnix - 100 - kHour);
}

TEST(ClockWatch, SmallStepsAddUp) {
  ClockWatch watch;
  EXPECT_EQ(watch.Look(0, kUnix), 0);
  EXPECT_EQ(watch.Look(200, kUnix + 200 + 600), 0);
  EXPECT_EQ(watch.Look(400, kUnix + 400 + 1'200), 1'200);
  EXPECT_EQ(watch.Look(600, kUnix + 600 + 1'200), 0);
}

// Stopped between the two readings: what is added is taken away again.
TEST(ClockWatch, ReadingsThatAreFarApartCancelOut) {
  ClockWatch watch;
  EXPECT_EQ(watch.Look(0, kUnix), 0);
  EXPECT_EQ(watch.Look(200, kUnix + 200 + kHour), kHour);
  EXPECT_EQ(watch.Look(400 + kHour, kUnix + 400 + kHour), -kHour);
}

}  // namespace
}  // namespace relay
