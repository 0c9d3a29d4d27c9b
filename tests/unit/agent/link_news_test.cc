// Goal: a relay that is away for long fills no log, and nothing new goes unsaid. Method: made-up
// reasons and instants.

#include "agent/link_news.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace agent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr engine::Instant kStart{hours(1)};

TEST(LinkNewsTest, TheSameReasonIsSaidOnceAndThenAtGrowingIntervals) {
  LinkNews news;
  uint64_t lines = 0;
  engine::Instant last = kStart;
  engine::Duration pause{};
  for (engine::Instant now = kStart; now < kStart + hours(24); now += milliseconds(500)) {
    if (!news.Failed("refused", now)) continue;
    if (lines > 1) {
      EXPECT_GE(now - last, std::min<engine::Duration>(pause, LinkNews::kPauseMax));
    }
    pause = now - last;
    last = now;
    ++lines;
  }
  EXPECT_EQ(news.failed_count(), 24u * 3600 * 2);
  // 0, 10, 30, 70 ... seconds, and then one an hour.
  EXPECT_GE(lines, 24u);
  EXPECT_LE(lines, 36u);
}

TEST(LinkNewsTest, AnotherReasonIsNewsAndReasonsThatTakeTurnsAreNot) {
  LinkNews news;
  EXPECT_TRUE(news.Failed("refused", kStart));
  EXPECT_TRUE(news.Failed("no route", kStart));
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(news.Failed("refused", kStart + seconds(1)));
    EXPECT_FALSE(news.Failed("no route", kStart + seconds(1)));
  }
  EXPECT_TRUE(news.Failed("refused", kStart + LinkNews::kPauseMin));
}

TEST(LinkNewsTest, ManyReasonsAreForgottenTheOldestFirst) {
  LinkNews news;
  for (size_t i = 0; i <= LinkNews::kKindsMax; ++i) {
    EXPECT_TRUE(news.Failed(std::to_string(i), kStart + milliseconds(i)));
  }
  EXPECT_FALSE(news.Failed("1", kStart + milliseconds(9)));
  EXPECT_TRUE(news.Failed("0", kStart + milliseconds(9)));
}

TEST(LinkNewsTest, AfterALinkTheNextFailureIsNews) {
  LinkNews news;
  EXPECT_TRUE(news.Failed("refused", kStart));
  EXPECT_FALSE(news.Failed("refused", kStart));
  news.LinkUp();
  EXPECT_EQ(news.failed_count(), 0u);
  EXPECT_TRUE(news.Failed("refused", kStart));
  EXPECT_EQ(news.failed_count(), 1u);
}

}  // namespace
}  // namespace agent
