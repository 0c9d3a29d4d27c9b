// Goal: what people write for "until when" is understood or refused, never taken for another time.

#include "client/expiry.h"

#include <gtest/gtest.h>

namespace client {
namespace {

constexpr int64_t kNow = 1'800'000'000;

int64_t Read(const std::string& text) { return ParseExpiry(text, kNow).value_or(-1); }

TEST(ExpiryTest, DurationsCountFromNow) {
  EXPECT_EQ(Read("30m"), kNow + 1800);
  EXPECT_EQ(Read("12h"), kNow + 43'200);
  EXPECT_EQ(Read("7d"), kNow + 604'800);
  EXPECT_EQ(Read("30d"), kNow + 30 * 86'400);
}

TEST(ExpiryTest, TimesStandForThemselves) {
  EXPECT_EQ(Read("2026-11-27T10:00:00Z"), 1'795'773'600);
}

TEST(ExpiryTest, EverythingElseIsRefusedWithTheForms) {
  for (const char* text : {"", "h", "5", "5s", "-5m", "0h", "1.5h", "12h ", " 12h", "31d",
                           "9999999999999999999d", "soon", "2026-11-27"}) {
    EXPECT_EQ(Read(text), -1) << text;
  }
  EXPECT_NE(ParseExpiry("soon", kNow).status().message().find("12h"), std::string::npos);
  EXPECT_NE(ParseExpiry("400d", kNow).status().message().find("30 days"), std::string::npos);
}

}  // namespace
}  // namespace client
