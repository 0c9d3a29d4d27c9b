// Goal: numbers, dates and addresses are read as AWS documents, and nothing else is. Method:
// tables.

#include "relay/policy/condition_value.h"

#include <gtest/gtest.h>

namespace relay::policy {
namespace {

TEST(ConditionValueTest, DecimalNumbersAreRead) {
  EXPECT_EQ(ParseNumber("0"), 0.0);
  EXPECT_EQ(ParseNumber("3389"), 3389.0);
  EXPECT_EQ(ParseNumber("-1.5"), -1.5);
  EXPECT_EQ(ParseNumber("007"), 7.0);
}

TEST(ConditionValueTest, WhatIsNoDecimalNumberIsRefused) {
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1e3", "0x10", "inf", "nan", "1.2.3", ".5",
                           "1,5", "--1", "twelve"})
    EXPECT_FALSE(ParseNumber(text).has_value()) << text;
  EXPECT_FALSE(ParseNumber(std::string(65, '1')).has_value());
}

TEST(ConditionValueTest, DatesOfEveryPrecisionAreTheSameInstant) {
  constexpr int64_t kNewYear = 1'767'225'600'000;
  for (const char* text : {"2026", "2026-01", "2026-01-01", "2026-01-01T00:00Z",
                           "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0Z",
                           "2026-01-01T01:00+01:00", "2025-12-31T19:30:00-04:30", "1767225600"})
    EXPECT_EQ(ParseDate(text), kNewYear) << text;
  EXPECT_EQ(ParseDate("2026-01-01T00:00:00.25Z"), kNewYear + 250);
  EXPECT_EQ(ParseDate("2026-01-01T00:00:00.123456789Z"), kNewYear + 123);
  EXPECT_EQ(ParseDate("2024-02-29"), 1'709'164'800'000);
}

TEST(ConditionValueTest, FourDigitsAreAYearAndOtherIntegersAreSeconds) {
  EXPECT_EQ(ParseDate("1970"), 0);
  EXPECT_EQ(ParseDate("0"), 0);
  EXPECT_EQ(ParseDate("19700"), 19'700'000);
  EXPECT_EQ(ParseDate("-86400"), -86'400'000);
}

TEST(ConditionValueTest, WhatIsNoDateIsRefused) {
  for (const char* text : {"",
                           "-",
                           "yesterday",
                           "2026-13",
                           "2026-00",
                           "2026-02-29",
                           "2026-1-1",
                           "2026-01-01T00:00",
                           "2026-01-01T24:00Z",
                           "2026-01-01T00:60Z",
                           "2026-01-01T00:00:60Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01T00:00Z",
                           "2026T00:00Z",
                           "2026-01-01T00:00+1",
                           "2026-01-01T00:00+01:00x",
                           "2026-01-01 00:00Z",
                           "2026-01-01T00:00z",
                           "20260101T000000Z",
                           "1e9",
                           "9999999999999",
                           "99999999999999999999"})
    EXPECT_FALSE(ParseDate(text).has_value()) << text;
}

bool Contains(const char* range, const char* address) {
  const auto compiled = IpRange::Parse(range);
  const auto parsed = IpRange::ParseAddress(address);
  EXPECT_TRUE(compiled.has_value()) << range;
  EXPECT_TRUE(parsed.has_value()) << address;
  return compiled && parsed && compiled->Contains(*parsed);
}

TEST(ConditionValueTest, ARangeHasItsAddressesAndNoOther) {
  EXPECT_TRUE(Contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(Contains("192.0.2.7", "192.0.2.8"));
  EXPECT_TRUE(Contains("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(Contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(Contains("10.1.2.3/8", "10.9.9.9")) << "bits behind the prefix do not count";
  EXPECT_TRUE(Contains("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(Contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(Contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_TRUE(Contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(Contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(Contains("2001:DB8::1", "2001:db8:0:0:0:0:0:1"));
  EXPECT_TRUE(Contains("::/0", "2001:db8::1"));
}

TEST(ConditionValueTest, TheTwoFamiliesDoNotContainEachOther) {
  EXPECT_FALSE(Contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(Contains("::/0", "192.0.2.1"));
  EXPECT_FALSE(Contains("::ffff:0:0/90", "192.0.2.1"));
}

// A listener for both families shows clients of IPv4 like this; a Deny of their range must hold.
TEST(ConditionValueTest, Ipv4WrittenAsIpv6IsIpv4) {
  EXPECT_TRUE(Contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(Contains("10.0.0.0/8", "::ffff:0a01:0203"));
  EXPECT_TRUE(Contains("::ffff:10.0.0.0/104", "10.1.2.3"));
  EXPECT_FALSE(Contains("::/0", "::ffff:10.1.2.3"));
}

TEST(ConditionValueTest, WhatIsNoRangeIsRefused) {
  for (const char* text : {"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
                           "10.0.0.0/ 8", "010.0.0.256", "::/129", ":::", "localhost",
                           "10.0.0.0/8/8", "1:2:3:4:5:6:7:8:9", "fe80::1%eth0"})
    EXPECT_FALSE(IpRange::Parse(text).has_value()) << text;
  EXPECT_FALSE(IpRange::Parse(std::string_view("10.0.0.1\0", 9)).has_value());
  EXPECT_FALSE(IpRange::ParseAddress("10.0.0.0/8").has_value());
}

}  // namespace
}  // namespace relay::policy
