// Goal: who lost a relay is back soon after it is, nobody makes a storm of it, and in the long run
// the tries are rare. Method: many seeds; delays are added up, no clock runs.

#include "engine/net/backoff.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, TheFirstTryIsAtOnceAndTheNextOnesComeSoon) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Backoff backoff(seed);
    EXPECT_EQ(backoff.NextDelay(), Duration::zero());
    for (const int most : {50, 100, 200, 400, 500, 500, 500}) {
      const Duration delay = backoff.NextDelay();
      EXPECT_LE(delay, milliseconds(most));
      EXPECT_GE(delay, milliseconds(most) / 2);
    }
  }
}

TEST(Backoff, ForTenSecondsNoGapIsLongerThanHalfASecondAndThenTheyGrow) {
  Backoff backoff(7, seconds(30));
  Duration sum{};
  Duration delay{};
  while ((delay = backoff.NextDelay()) <= Backoff::kEagerDelayMax) sum += delay;
  EXPECT_GE(sum, seconds(8));
  EXPECT_LE(sum, seconds(20));
  EXPECT_FALSE(backoff.is_eager());
  for (int i = 0; i < 10; ++i) delay = backoff.NextDelay();
  EXPECT_GE(delay, seconds(15));
  EXPECT_LE(delay, seconds(30));
}

TEST(Backoff, WhoIsNotWaitedForLeavesTheFirstMomentToOthers) {
  Backoff backoff(7);
  Duration least = seconds(60);
  Duration most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = backoff.Spread();
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, Backoff::kSpreadMax / 10);
  EXPECT_LE(most, Backoff::kSpreadMax);
  EXPECT_GE(most - least, Backoff::kSpreadMax / 2);
}

TEST(Backoff, ThoseWhoLostTheSameRelayComeApart) {
  Duration least = seconds(60);
  Duration most{};
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Backoff backoff(seed);
    Duration sum{};
    for (int i = 0; i < 6; ++i) sum += backoff.NextDelay();
    least = std::min(least, sum);
    most = std::max(most, sum);
  }
  EXPECT_GE(most - least, milliseconds(200));
}

TEST(Backoff, ACrowdedRelayIsNotPressed) {
  Backoff backoff(1);
  backoff.NextDelay();
  backoff.Crowded();
  EXPECT_GE(backoff.NextDelay(), Backoff::kEagerDelayMax);
  EXPECT_GE(backoff.NextDelay(), seconds(1));
  backoff.Succeeded();
  EXPECT_EQ(backoff.NextDelay(), Duration::zero());
}

TEST(Backoff, WhatWasThereForAMomentIsTriedEagerlyAndNotAtOnce) {
  Backoff backoff(1);
  for (int i = 0; i < 40; ++i) backoff.NextDelay();
  backoff.Reached();
  EXPECT_TRUE(backoff.is_eager());
  const Duration delay = backoff.NextDelay();
  EXPECT_GT(delay, Duration::zero());
  EXPECT_LE(delay, Backoff::kEagerDelayMax);
  Backoff fresh(1);
  fresh.Reached();
  EXPECT_GT(fresh.NextDelay(), Duration::zero());
}

TEST(Backoff, ABoundBelowTheFirstDelayHolds) {
  Backoff backoff(1, milliseconds(20));
  for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.NextDelay(), milliseconds(20));
}

TEST(Backoff, AGainCountsOnceASecondAndNotWhereThereIsNoRoom) {
  Backoff backoff(7);
  for (int i = 0; i < 60; ++i) backoff.NextDelay();
  EXPECT_FALSE(backoff.is_eager());
  const Instant start{};
  EXPECT_TRUE(backoff.Gained(start));
  EXPECT_TRUE(backoff.is_eager());
  EXPECT_GT(backoff.NextDelay(), Duration::zero()) << "a network without rest is no storm";
  for (int i = 0; i < 60; ++i) backoff.NextDelay();
  EXPECT_FALSE(backoff.Gained(start + Backoff::kGainMin - milliseconds(1)));
  EXPECT_FALSE(backoff.is_eager()) << "it changes nothing";
  EXPECT_TRUE(backoff.Gained(start + Backoff::kGainMin));
  backoff.Crowded();
  EXPECT_FALSE(backoff.Gained(start + seconds(60)));
}

}  // namespace
}  // namespace engine
