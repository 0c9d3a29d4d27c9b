// Goal: times are written and read as AWS does, on every day of the calendar.
// Method: known dates, every day of 400 years there and back, and texts that are no dates.

#include "engine/http/amz_date.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(AmzDate, KnownTimesAreWrittenAndRead) {
  EXPECT_EQ(AmzDate(0), "19700101T000000Z");
  EXPECT_EQ(AmzDate(1440938160), "20150830T123600Z");
  EXPECT_EQ(AmzDate(951782399), "20000228T235959Z");
  EXPECT_EQ(AmzDate(951782400), "20000229T000000Z");
  EXPECT_EQ(AmzDate(-1), "19691231T235959Z");
  EXPECT_EQ(ParseAmzDate("20150830T123600Z"), 1440938160);
  EXPECT_EQ(IsoDate(1440938160), "2015-08-30T12:36:00Z");
  EXPECT_EQ(ParseIsoDate("2015-08-30T12:36:00Z"), 1440938160);
}

TEST(AmzDate, EveryDayOfFourCenturiesGoesThereAndBack) {
  for (int64_t day = -10'000; day < 146'097; ++day) {
    const int64_t time = day * 86400 + 86399;
    ASSERT_EQ(ParseAmzDate(AmzDate(time)), time) << AmzDate(time);
  }
}

TEST(AmzDate, WhatIsNoDateIsRefused) {
  for (const char* text :
       {"", "20150830", "20150830T123600", "20150830T123600z", "20150830 123600Z",
        "20150832T000000Z", "20150431T000000Z", "20150229T000000Z", "20151301T000000Z",
        "20150001T000000Z", "20150830T240000Z", "20150830T126000Z", "20150830T123660Z",
        "2015083OT123600Z", "+2015830T123600Z", "20150830T123600ZZ"}) {
    EXPECT_FALSE(ParseAmzDate(text).has_value()) << text;
  }
  for (const char* text : {"2015-08-30", "2015-08-30 12:36:00Z", "2015-08-30T12:36:00+01:00",
                           "2015-08-30T12:36:00.0Z", "2015--8-30T12:36:00Z"}) {
    EXPECT_FALSE(ParseIsoDate(text).has_value()) << text;
  }
}

TEST(AmzDate, TheDateOfHttpIsReadInItsPresentForm) {
  EXPECT_EQ(ParseHttpDate("Sun, 30 Aug 2015 12:36:00 GMT"), 1440938160);
  for (const char* text : {"", "Sun, 30 Aug 2015 12:36:00 UTC", "Sun, 31 Feb 2015 12:36:00 GMT",
                           "Sun, 30 anF 2015 12:36:00 GMT", "Sunday, 30-Aug-15 12:36:00 GMT",
                           "Sun, 30 Aug 2015 24:36:00 GMT", "Sun,  1 Aug 2015 12:36:00 GMT"}) {
    EXPECT_EQ(ParseHttpDate(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace engine
