#include "engine/mux/delivery_rate.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;

constexpr Duration kRoundTrip = milliseconds(100);

// Rounds lets `count` round trips pass in which `bytes` each are consumed.
struct Reader {
  DeliveryRate rate;
  Instant now{};
  uint64_t consumed = 0;

  Reader() { rate.Measure(0, now, kRoundTrip); }
  void Rounds(int count, uint64_t bytes) {
    for (int i = 0; i < count; ++i) {
      now += kRoundTrip;
      consumed += bytes;
      rate.Measure(consumed, now, kRoundTrip);
    }
  }
};

TEST(DeliveryRate, CountsWhatCameInLessThanARoundTrip) {
  DeliveryRate rate;
  EXPECT_EQ(rate.BytesUnderWay(kRoundTrip), 0u);
  rate.Measure(0, Instant{}, kRoundTrip);
  rate.Measure(1'000'000, Instant{} + kRoundTrip / 2, kRoundTrip);
  EXPECT_EQ(rate.BytesUnderWay(kRoundTrip), 4'000'000u);
}

TEST(DeliveryRate, QuadruplesWhileTheRateGrows) {
  Reader reader;
  for (uint64_t bytes = 1'000'000; bytes < 32'000'000; bytes *= 2) {
    reader.Rounds(1, bytes);
    EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 4 * bytes);
  }
}

TEST(DeliveryRate, LeavesLittleToAQueueWhenTheRateGrowsNoMore) {
  Reader reader;
  reader.Rounds(4, 1'000'000);
  EXPECT_FALSE(reader.rate.is_growing());
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 1'100'000u) << "a tenth of a round trip";
  EXPECT_EQ(reader.rate.BytesUnderWay(milliseconds(10)), 120'000u) << "2 ms";
}

TEST(DeliveryRate, LooksForAFasterWayInOneRoundOfAFew) {
  Reader reader;
  reader.Rounds(7, 1'000'000);
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 1'100'000u);
  reader.Rounds(1, 1'000'000);
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 1'250'000u);
  reader.Rounds(1, 1'000'000);
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 1'100'000u);
}

TEST(DeliveryRate, GrowsAgainWhenTheWayGotFaster) {
  Reader reader;
  reader.Rounds(4, 1'000'000);
  reader.Rounds(1, 1'300'000);
  EXPECT_TRUE(reader.rate.is_growing());
}

TEST(DeliveryRate, ForgetsTheBestAfterSomeRounds) {
  Reader reader;
  reader.Rounds(4, 1'000'000);
  reader.Rounds(8, 500'000);
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 1'100'000u);
  reader.Rounds(8, 500'000);
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), 550'000u);
}

TEST(DeliveryRate, ALateThreadIsNotAFastWay) {
  Reader reader;
  reader.Rounds(4, 1'000'000);
  const uint64_t before = reader.rate.BytesUnderWay(kRoundTrip);
  reader.rate.Measure(reader.consumed += 500'000, reader.now += milliseconds(1), kRoundTrip);
  EXPECT_EQ(reader.rate.BytesUnderWay(kRoundTrip), before);
}

}  // namespace
}  // namespace engine
