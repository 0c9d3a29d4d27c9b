#include "engine/mux/path_delay.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;

constexpr Instant kStart = Instant(std::chrono::seconds(1'000));

TEST(PathDelay, TellsTheWayFromTheWaiting) {
  PathDelay delay;
  EXPECT_FALSE(delay.least().has_value());
  delay.Measured(kStart, kStart + milliseconds(30));
  delay.Measured(kStart, kStart + milliseconds(20));
  delay.Measured(kStart, kStart + milliseconds(90));
  EXPECT_EQ(delay.least(), milliseconds(20));
  EXPECT_EQ(delay.newest(), milliseconds(90));
}

TEST(PathDelay, BelievesALongerWayOnlyWhenItIsDry) {
  PathDelay delay;
  delay.Measured(kStart, kStart + milliseconds(20));
  Instant now = kStart + milliseconds(20) + PathDelay::kLeastLasts;
  ASSERT_TRUE(delay.IsOld(now));
  delay.Measured(now - milliseconds(50), now);
  EXPECT_EQ(delay.least(), milliseconds(20)) << "a queue was in it";
  delay.Drain(now);
  EXPECT_TRUE(delay.is_draining());
  delay.Measured(now + milliseconds(99), now + milliseconds(140));
  EXPECT_EQ(delay.least(), milliseconds(20)) << "not yet dry when it went out";
  delay.Drain(now + milliseconds(90));
  now += milliseconds(100);
  delay.Measured(now, now + milliseconds(40));
  EXPECT_EQ(delay.least(), milliseconds(40));
  EXPECT_FALSE(delay.is_draining());
  EXPECT_FALSE(delay.IsOld(now + milliseconds(40)));
}

TEST(PathDelay, AShorterWayIsBelievedAtOnce) {
  PathDelay delay;
  delay.Measured(kStart, kStart + milliseconds(20));
  delay.Drain(kStart + PathDelay::kLeastLasts);
  delay.Measured(kStart, kStart + milliseconds(10));
  EXPECT_EQ(delay.least(), milliseconds(10));
  EXPECT_FALSE(delay.is_draining());
}

TEST(PathDelay, ForgetsWhatNobodyAskedFor) {
  PathDelay delay;
  delay.Measured(kStart, kStart);
  const Instant later = kStart + 2 * PathDelay::kLeastLasts;
  delay.Measured(later - milliseconds(7), later);
  EXPECT_EQ(delay.least(), milliseconds(7));
}

}  // namespace
}  // namespace engine
