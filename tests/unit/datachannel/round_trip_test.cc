// Goal: our timeouts are those of the real programs.
// Method: the sequence that was computed from their source, then the bounds.

#include "engine/datachannel/round_trip.h"

#include <gtest/gtest.h>

namespace engine::datachannel {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RoundTrip, FollowsTheKnownSequence) {
  RoundTrip trip;
  EXPECT_EQ(trip.timeout(), milliseconds(200));
  trip.Measured(milliseconds(20));
  EXPECT_EQ(trip.variation(), milliseconds(20));
  EXPECT_EQ(trip.smoothed(), milliseconds(90));
  EXPECT_EQ(trip.timeout(), milliseconds(170));
  trip.Measured(milliseconds(20));
  EXPECT_EQ(trip.variation(), microseconds(32'500));
  EXPECT_EQ(trip.smoothed(), microseconds(81'250));
  EXPECT_EQ(trip.timeout(), microseconds(211'250));
}

TEST(RoundTrip, StaysBelowASecondAndKeepsAMargin) {
  RoundTrip slow;
  for (int i = 0; i < 100; ++i) slow.Measured(seconds(300));
  EXPECT_EQ(slow.timeout(), RoundTrip::kTimeoutMax);
  RoundTrip fast;
  for (int i = 0; i < 500; ++i) fast.Measured(Duration{});
  EXPECT_GE(fast.timeout(), RoundTrip::kMarginMin);
  EXPECT_LE(fast.timeout(), milliseconds(11));
}

}  // namespace
}  // namespace engine::datachannel
