// Goal: a signature counts for one address, is remembered for as long as it counts, and the memory
// has its maxima. Method: signatures made of numbers, seen at times of the test's choosing.

#include "relay/access/seen_signatures.h"

#include <gtest/gtest.h>

#include <cstring>

namespace relay {
namespace {

using Sighting = SeenSignatures::Sighting;

engine::crypto::Sha256Digest Signature(uint64_t number) {
  engine::crypto::Sha256Digest digest{};
  std::memcpy(digest.data(), &number, sizeof(number));
  return digest;
}

class SeenSignaturesTest : public testing::Test {
 protected:
  Sighting See(uint64_t number, const char* source, int64_t until, int64_t now,
               const std::string& key = "AKIA") {
    return seen.See(Signature(number), key, source, until, now).sighting;
  }
  SeenSignatures seen;
};

TEST_F(SeenSignaturesTest, TheSameAddressMayRepeatAndNoOther) {
  EXPECT_EQ(See(1, "a", 300'000, 0), Sighting::kFirst);
  EXPECT_EQ(See(1, "a", 300'000, 1), Sighting::kRepeat);
  EXPECT_EQ(See(1, "b", 300'000, 2), Sighting::kElsewhere);
  EXPECT_EQ(seen.See(Signature(1), "AKIA", "b", 300'000, 2).first_source, "a");
  EXPECT_EQ(See(2, "b", 300'000, 2), Sighting::kFirst);
}

TEST_F(SeenSignaturesTest, ItIsRememberedUntilItDoesNotCountAnyMore) {
  EXPECT_EQ(See(1, "a", 300'999, 0), Sighting::kFirst);
  EXPECT_EQ(See(1, "b", 300'999, 300'999), Sighting::kElsewhere);
  EXPECT_EQ(See(2, "b", 900'000, 301'000), Sighting::kFirst);
  EXPECT_EQ(seen.count(), 1u);
}

TEST_F(SeenSignaturesTest, OneKeyHasAShareAndAllHaveAMaximum) {
  uint64_t number = 0;
  for (int key = 0; key < 4; ++key) {
    const std::string id = "AKIA" + std::to_string(key);
    for (size_t i = 0; i < SeenSignatures::kOfOneKeyMax; ++i) {
      ASSERT_EQ(See(++number, "a", 1'000, 0, id), Sighting::kFirst);
    }
    EXPECT_EQ(See(number + 1, "a", 1'000, 0, id), Sighting::kFull);
    EXPECT_EQ(See(number, "a", 1'000, 0, id), Sighting::kRepeat);
  }
  EXPECT_EQ(seen.count(), SeenSignatures::kMax);
  EXPECT_EQ(See(++number, "a", 1'000, 0, "AKIA9"), Sighting::kFull);
  EXPECT_EQ(See(number, "a", 9'000, 2'000, "AKIA0"), Sighting::kFirst);
  EXPECT_EQ(seen.count(), 1u);
}

}  // namespace
}  // namespace relay
