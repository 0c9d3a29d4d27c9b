// Goal: a link may open streams in bursts and steadily, and no faster than OpenRate says.
// Method: takes at chosen times; the clock is an argument.

#include "engine/mux/open_rate.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int64_t TakeAll(OpenRate& rate, Instant now) {
  int64_t taken = 0;
  while (rate.Take(now)) ++taken;
  return taken;
}

TEST(OpenRate, ABurstIsAllowedAndThenNothing) {
  const Instant now{seconds(7)};
  OpenRate rate(now);
  EXPECT_EQ(TakeAll(rate, now), OpenRate::kBurst);
  EXPECT_FALSE(rate.Take(now));
}

TEST(OpenRate, ItGrowsAtItsRateWhateverTheSteps) {
  Instant now{seconds(7)};
  OpenRate rate(now);
  TakeAll(rate, now);
  int64_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(1) + std::chrono::nanoseconds(7);
    taken += TakeAll(rate, now);
  }
  EXPECT_EQ(taken, OpenRate::kPerSecond);
}

TEST(OpenRate, WaitingLongGivesNoMoreThanOneBurst) {
  Instant now{seconds(7)};
  OpenRate rate(now);
  TakeAll(rate, now);
  now += seconds(1'000'000);
  EXPECT_EQ(TakeAll(rate, now), OpenRate::kBurst);
}

TEST(OpenRateTest, AClockThatIsBehindWinsNothing) {
  const Instant now{std::chrono::hours(1)};
  OpenRate rate(now);
  int64_t taken = 0;
  while (rate.Take(now)) ++taken;
  EXPECT_EQ(taken, OpenRate::kBurst);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(rate.Take(now - std::chrono::milliseconds(20)));
    EXPECT_FALSE(rate.Take(now));
  }
}

}  // namespace
}  // namespace engine
