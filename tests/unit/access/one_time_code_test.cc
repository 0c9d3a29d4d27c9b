// Goal: codes are those of RFC 6238, count once, and only near their time and for their user.
// Method: the RFC's own values (appendix B, the last six digits of eight), and a store.

#include "relay/access/one_time_code.h"

#include <gtest/gtest.h>

#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::test::Must;

constexpr std::string_view kSeed = "12345678901234567890";
constexpr int64_t kNow = 1'111'111'111'000;
constexpr int64_t kStep = kNow / 30'000;

TEST(OneTimeCode, IsThatOfRfc6238) {
  const std::pair<int64_t, const char*> values[] = {{59, "287082"},
                                                    {1'111'111'109, "081804"},
                                                    {1'111'111'111, "050471"},
                                                    {1'234'567'890, "005924"},
                                                    {2'000'000'000, "279037"},
                                                    {20'000'000'000, "353130"}};
  for (const auto& [seconds, code] : values) {
    EXPECT_EQ(OneTimeCode(AsBytes(kSeed), seconds / 30), code);
  }
}

TEST(OneTimeCode, CountsOneStepEarlyOrLateAndNeverAgain) {
  const auto seed = AsBytes(kSeed);
  for (const int64_t off : {-1, 0, 1}) {
    EXPECT_EQ(FindCodeStep(seed, OneTimeCode(seed, kStep + off), kNow, 0), kStep + off);
  }
  EXPECT_FALSE(FindCodeStep(seed, OneTimeCode(seed, kStep + 2), kNow, 0).has_value());
  EXPECT_FALSE(FindCodeStep(seed, OneTimeCode(seed, kStep - 2), kNow, 0).has_value());
  EXPECT_FALSE(FindCodeStep(seed, OneTimeCode(seed, kStep), kNow, kStep).has_value());
  EXPECT_FALSE(FindCodeStep(seed, "", kNow, 0).has_value());
}

TEST(OneTimeCode, TwoThatFollowOneAnotherArePaired) {
  const auto seed = AsBytes(kSeed);
  EXPECT_EQ(FindCodePair(seed, OneTimeCode(seed, kStep - 1), OneTimeCode(seed, kStep), kNow),
            kStep);
  EXPECT_FALSE(
      FindCodePair(seed, OneTimeCode(seed, kStep), OneTimeCode(seed, kStep), kNow).has_value());
  EXPECT_FALSE(
      FindCodePair(seed, OneTimeCode(seed, kStep - 2), OneTimeCode(seed, kStep), kNow).has_value());
  EXPECT_FALSE(FindCodePair(seed, OneTimeCode(seed, kStep - 9), OneTimeCode(seed, kStep - 8), kNow)
                   .has_value());
}

TEST(OneTimeCode, IsUsedUpByItsUserAlone) {
  const TemporaryFolder folder;
  const auto store =
      Must(SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{}));
  IamMfaDevice device = {.name = "phone", .seed = std::string(kSeed), .user_id = "u"};
  const std::string serial = device.SerialNumber();
  ASSERT_TRUE(store->Iam().AddMfaDevice(device).ok());
  const std::string code = OneTimeCode(AsBytes(kSeed), kStep);
  EXPECT_FALSE(Must(UseMfaCode(store->Iam(), "other", serial, code, kNow)));
  EXPECT_FALSE(Must(UseMfaCode(store->Iam(), "u", "arn:none", code, kNow)));
  EXPECT_TRUE(Must(UseMfaCode(store->Iam(), "u", serial, code, kNow)));
  EXPECT_FALSE(Must(UseMfaCode(store->Iam(), "u", serial, code, kNow)));
  device.user_id = "";
  device.last_step = 0;
  ASSERT_TRUE(store->Iam().UpdateMfaDevice(device).ok());
  EXPECT_FALSE(Must(UseMfaCode(store->Iam(), "", serial, code, kNow)));
}

}  // namespace
}  // namespace relay
