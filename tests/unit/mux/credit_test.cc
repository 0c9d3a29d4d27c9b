// Goal: credit arithmetic is exact up to the last offset, lies are named, and windows grow only
// when the network asks for it. Method: hand-made updates, offsets next to 2^64, and a simulated
// sender over a given round trip.

#include "engine/mux/credit.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/base/random.h"

namespace engine {
namespace {

constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
constexpr Duration kMillisecond = std::chrono::milliseconds(1);

TEST(SendWindow, LetsExactlyTheLimitBySent) {
  SendWindow window(100);
  EXPECT_EQ(window.available(), 100u);
  window.Send(100);
  EXPECT_EQ(window.available(), 0u);
  EXPECT_EQ(window.Update({.received = 60, .limit = 160}), CreditError::kNone);
  EXPECT_EQ(window.available(), 60u);
  EXPECT_EQ(window.received(), 60u);
}

TEST(SendWindow, ARepeatedUpdateChangesNothing) {
  SendWindow window(100);
  window.Send(50);
  EXPECT_EQ(window.Update({.received = 50, .limit = 150}), CreditError::kNone);
  EXPECT_EQ(window.Update({.received = 50, .limit = 150}), CreditError::kNone);
  EXPECT_EQ(window.available(), 100u);
}

TEST(SendWindow, NamesEachLieAndBelievesNoneOfIt) {
  SendWindow window(100);
  window.Send(50);
  ASSERT_EQ(window.Update({.received = 40, .limit = 140}), CreditError::kNone);
  EXPECT_EQ(window.Update({.received = 51, .limit = 200}), CreditError::kReceivedBeyondSent);
  EXPECT_EQ(window.Update({.received = 39, .limit = 200}), CreditError::kReceivedWentBack);
  EXPECT_EQ(window.Update({.received = 45, .limit = 139}), CreditError::kLimitWentBack);
  EXPECT_EQ(window.limit(), 140u);
  EXPECT_EQ(window.received(), 40u);
}

TEST(SendWindow, ReachesTheLastOffsetAndNoFurther) {
  SendWindow window(kLast);
  window.Send(kLast - 1);
  EXPECT_EQ(window.available(), 1u);
  window.Send(1);
  EXPECT_EQ(window.available(), 0u);
  EXPECT_EQ(window.Update({.received = kLast, .limit = kLast}), CreditError::kNone);
  EXPECT_EQ(window.available(), 0u);
  EXPECT_EQ(window.Update({.received = kLast, .limit = 0}), CreditError::kLimitWentBack);
}

TEST(SendWindowDeathTest, SendingBeyondTheLimitIsOurOwnMistake) {
  SendWindow window(1);
  EXPECT_DEATH(window.Send(2), "CHECK failed");
}

TEST(ReceiveWindow, RefusesWhatIsBeyondTheLimitAndCountsNoneOfIt) {
  ReceiveWindow window(100);
  EXPECT_TRUE(window.Receive(60));
  EXPECT_FALSE(window.Receive(41));
  EXPECT_EQ(window.received(), 60u);
  EXPECT_TRUE(window.Receive(40));
  EXPECT_FALSE(window.Receive(1));
}

TEST(ReceiveWindow, RenewsWhenHalfOfItWasConsumed) {
  ReceiveWindow window(100);
  ASSERT_TRUE(window.Receive(100));
  window.Consume(49);
  EXPECT_FALSE(window.IsCreditDue());
  window.Consume(1);
  EXPECT_TRUE(window.IsCreditDue());
  const Credit credit = window.Renew();
  EXPECT_EQ(credit.received, 100u);
  EXPECT_EQ(credit.limit, 150u);
  EXPECT_FALSE(window.IsCreditDue());
}

TEST(ReceiveWindow, StopsAtTheLastOffset) {
  ReceiveWindow window(100, kLast - 30);
  EXPECT_EQ(window.limit(), kLast);
  EXPECT_FALSE(window.Receive(31));
  EXPECT_FALSE(window.Receive(kLast));
  EXPECT_TRUE(window.Receive(30));
  window.Consume(30);
  EXPECT_FALSE(window.IsCreditDue());
  EXPECT_EQ(window.Renew().limit, kLast);
  EXPECT_FALSE(window.Receive(1));
}

TEST(ReceiveWindow, HugeSizesDoNotWrapAround) {
  ReceiveWindow window(100, kLast - 1'000);
  ASSERT_TRUE(window.Receive(50));
  EXPECT_FALSE(window.Receive(kLast));
  EXPECT_FALSE(window.Receive(kLast - 49));
  EXPECT_EQ(window.received(), kLast - 950);
}

TEST(ReceiveWindowDeathTest, ConsumingTwiceIsOurOwnMistake) {
  ReceiveWindow window(100);
  ASSERT_TRUE(window.Receive(10));
  window.Consume(10);
  EXPECT_DEATH(window.Consume(1), "CHECK failed");
}

TEST(ReceiveWindow, GivesUpRoomAsTheCreditIsUsed) {
  ReceiveWindow window(100);
  ASSERT_TRUE(window.Receive(60));
  window.Consume(60);
  window.Resize(20);
  EXPECT_FALSE(window.IsCreditDue()) << "40 may still come";
  EXPECT_EQ(window.TakeReleased(), 60u);
  EXPECT_EQ(window.window(), 40u);
  EXPECT_EQ(window.Renew().limit, 100u) << "a promise is kept";
  ASSERT_TRUE(window.Receive(30));
  window.Consume(30);
  EXPECT_TRUE(window.IsCreditDue());
  EXPECT_EQ(window.Renew().limit, 110u);
  EXPECT_EQ(window.TakeReleased(), 20u);
  EXPECT_EQ(window.window(), 20u);
}

TEST(ReceiveWindow, MayTakeBackThatItGivesUpRoom) {
  ReceiveWindow window(100);
  window.Resize(20);
  window.Resize(100);
  EXPECT_EQ(window.TakeReleased(), 0u);
  window.Grow(50);
  EXPECT_EQ(window.window(), 150u);
}

TEST(Credit, BothSidesAgreeWhateverHappens) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const uint64_t start = random.Range(16, 4'096);
    ReceiveWindow receive(start);
    SendWindow send(start);
    for (int step = 0; step < 1'000; ++step) {
      const uint64_t size = random.Range(0, send.available());
      send.Send(size);
      ASSERT_TRUE(receive.Receive(size));
      receive.Consume(random.Range(0, receive.received() - receive.consumed()));
      if (receive.IsCreditDue()) {
        const bool grows = random.Chance(10);
        receive.Resize(grows ? receive.window() : random.Range(16, 2 * receive.window()));
        if (grows) receive.Grow(random.Range(1, 100));
        (void)receive.TakeReleased();
        ASSERT_EQ(send.Update(receive.Renew()), CreditError::kNone);
      }
      ASSERT_EQ(send.limit(), receive.limit());
      ASSERT_LE(receive.received() - receive.consumed(), receive.window());
    }
    EXPECT_GT(send.sent(), start);
  }
}

constexpr uint64_t kWindowMin = 256 * 1024;

// WindowAfter lets a sender that always has data send over a link with the given round trip and
// bandwidth to a reader with a speed of its own, and returns how large the window became.
uint64_t WindowAfter(Duration round_trip, uint64_t bytes_per_millisecond,
                     uint64_t read_per_millisecond, uint64_t window_max) {
  ReceiveWindow receive(kWindowMin);
  SendWindow send(receive.limit());
  struct Update {
    Instant at;
    Credit credit;
  };
  std::vector<Update> updates;  // On their way to the sender.
  std::vector<std::pair<Instant, uint64_t>> data;
  for (Instant now{}; now < Instant{} + std::chrono::seconds(20); now += kMillisecond) {
    std::erase_if(updates, [&](const Update& update) {
      if (update.at > now) return false;
      EXPECT_EQ(send.Update(update.credit), CreditError::kNone);
      return true;
    });
    const uint64_t size = std::min(send.available(), bytes_per_millisecond);
    if (size > 0) {
      send.Send(size);
      data.emplace_back(now + round_trip / 2, size);
    }
    std::erase_if(data, [&](const auto& arrival) {
      if (arrival.first > now) return false;
      EXPECT_TRUE(receive.Receive(arrival.second));
      return true;
    });
    receive.Consume(std::min(receive.received() - receive.consumed(), read_per_millisecond));
    if (receive.IsCreditDue()) {
      receive.Measure(now, round_trip);
      const uint64_t wanted = std::clamp(receive.Needed(round_trip), kWindowMin, window_max);
      receive.Resize(wanted);
      if (wanted > receive.window()) receive.Grow(wanted - receive.window());
      (void)receive.TakeReleased();
      updates.push_back({now + round_trip / 2, receive.Renew()});
    }
  }
  return receive.window();
}

TEST(WindowTuning, GrowsToTheBandwidthDelayProductAndNotFarBeyond) {
  const Duration round_trip = 100 * kMillisecond;
  const uint64_t bytes_per_millisecond = 20'000;  // 20 MB/s: the product is 2 MB.
  const uint64_t window =
      WindowAfter(round_trip, bytes_per_millisecond, 1'000'000, 64 * 1024 * 1024);
  EXPECT_GE(window, 2'000'000u);
  EXPECT_LE(window, 2'500'000u);
}

TEST(WindowTuning, StopsAtTheMaximum) {
  EXPECT_EQ(WindowAfter(200 * kMillisecond, 1'000'000, 10'000'000, 1'000'000), 1'000'000u);
}

TEST(WindowTuning, StaysSmallOnAShortPath) {
  EXPECT_EQ(WindowAfter(2 * kMillisecond, 10'000, 1'000'000, 64 * 1024 * 1024), kWindowMin);
}

TEST(WindowTuning, StaysSmallForASlowReader) {
  EXPECT_EQ(WindowAfter(100 * kMillisecond, 1'000'000, 500, 64 * 1024 * 1024), kWindowMin);
}

}  // namespace
}  // namespace engine
