// Goal: a sealed secret opens with its key in its place, and in no other case.
// Method: round trips, then every byte changed in turn.

#include "engine/crypto/aead.h"

#include <string>

#include "engine/crypto/random_bytes.h"
#include "gtest/gtest.h"

namespace engine::crypto {
namespace {

MasterKey NewKey() {
  MasterKey key;
  FillRandom(key);
  return key;
}

TEST(AeadTest, ASecretOpensWithItsKeyInItsPlace) {
  const MasterKey key = NewKey();
  for (const std::string& secret : {std::string(), std::string("x"), std::string(10'000, 's')}) {
    const std::string sealed = Seal(key, AsBytes(secret), AsBytes("access_keys/1"));
    EXPECT_EQ(sealed.size(), secret.size() + kSealOverhead);
    const absl::StatusOr<std::string> opened = Open(key, AsBytes(sealed), AsBytes("access_keys/1"));
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(*opened, secret);
  }
}

TEST(AeadTest, TheSameSecretIsNeverSealedTheSameWay) {
  const MasterKey key = NewKey();
  EXPECT_NE(Seal(key, AsBytes("secret"), {}), Seal(key, AsBytes("secret"), {}));
}

TEST(AeadTest, AnotherKeyOrPlaceDoesNotOpen) {
  const MasterKey key = NewKey();
  const std::string sealed = Seal(key, AsBytes("secret"), AsBytes("access_keys/1"));
  EXPECT_EQ(Open(NewKey(), AsBytes(sealed), AsBytes("access_keys/1")).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Open(key, AsBytes(sealed), AsBytes("access_keys/2")).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(AeadTest, NoByteCanBeChangedOrTakenAway) {
  const MasterKey key = NewKey();
  const std::string sealed = Seal(key, AsBytes("secret"), {});
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    EXPECT_FALSE(Open(key, AsBytes(changed), {}).ok()) << i;
    EXPECT_FALSE(Open(key, AsBytes(sealed).first(i), {}).ok()) << i;
  }
  EXPECT_FALSE(Open(key, AsBytes(sealed + "x"), {}).ok());
}

}  // namespace
}  // namespace engine::crypto
