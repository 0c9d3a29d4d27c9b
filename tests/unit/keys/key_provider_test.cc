// Goal: a data key opens under the key and the context that it was made for, at the relay that made
// it, and in no other case.
// Method: round trips, changed bytes, and a second relay.

#include "relay/keys/key_provider.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_credentials.h"

namespace relay::keys {
namespace {

using engine::AsBytes;
using engine::test::Must;

constexpr char kArn[] = "arn:aws:kms:adit:000000000000:alias/sessions";

class KeyProviderTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteStore> Store(const std::string& name, char first_byte) {
    engine::crypto::MasterKey master{};
    master[0] = static_cast<std::byte>(first_byte);
    return Must(SqliteStore::Open({.path = folder_ / name}, master));
  }

  TemporaryFolder folder_;
  std::unique_ptr<SqliteStore> store_ = Store("one.db", 1);
  KeyProvider keys_{*store_};
  const EncryptionContext context_{{"aws:ssm:SessionId", "alice-1"}, {"aws:ssm:TargetId", "mi-1"}};
};

TEST_F(KeyProviderTest, ADataKeyOpensUnderItsContext) {
  const DataKey made = keys_.Generate(kArn, context_, 64);
  EXPECT_EQ(made.plaintext.size(), 64u);
  EXPECT_EQ(KeyProvider::NameIn(AsBytes(made.ciphertext)), kArn);
  EXPECT_EQ(Must(keys_.Open(AsBytes(made.ciphertext), context_)), made.plaintext);
  EXPECT_EQ(Must(KeyProvider(*store_).Open(AsBytes(made.ciphertext), context_)), made.plaintext);
  EXPECT_NE(keys_.Generate(kArn, context_, 64).plaintext, made.plaintext);
}

TEST_F(KeyProviderTest, AnotherContextOrRelayOpensNothing) {
  const DataKey made = keys_.Generate(kArn, context_, 64);
  EncryptionContext other = context_;
  other["aws:ssm:SessionId"] = "alice-2";
  EXPECT_TRUE(absl::IsInvalidArgument(keys_.Open(AsBytes(made.ciphertext), other).status()));
  EXPECT_FALSE(keys_.Open(AsBytes(made.ciphertext), {}).ok());
  // Names and values cannot be cut in another place.
  EXPECT_FALSE(keys_
                   .Open(AsBytes(made.ciphertext),
                         {{"aws:ssm:SessionIdalice-1", ""}, {"aws:ssm:TargetId", "mi-1"}})
                   .ok());
  const auto elsewhere = Store("two.db", 2);
  EXPECT_FALSE(KeyProvider(*elsewhere).Open(AsBytes(made.ciphertext), context_).ok());
}

TEST_F(KeyProviderTest, WhatWasChangedOrCutOpensNothing) {
  const std::string made = keys_.Generate(kArn, context_, 16).ciphertext;
  for (size_t i = 0; i < made.size(); ++i) {
    std::string changed = made;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(keys_.Open(AsBytes(changed), context_).ok()) << i;
    EXPECT_FALSE(keys_.Open(AsBytes(made.substr(0, i)), context_).ok()) << i;
  }
  EXPECT_FALSE(keys_.Open(AsBytes(std::string(kCiphertextSizeMax + 1, '\1')), context_).ok());
}

TEST(KeyArnTest, AKeyIsWrittenInFourWays) {
  EXPECT_EQ(KeyArn("alias/sessions"), kArn);
  EXPECT_EQ(KeyArn(kArn), kArn);
  EXPECT_EQ(KeyArn("1234abcd-12ab-34cd-56ef-1234567890ab"),
            "arn:aws:kms:adit:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab");
  EXPECT_EQ(KeyArn("arn:aws:kms:eu-central-1:000000000000:key/k"),
            "arn:aws:kms:eu-central-1:000000000000:key/k");
  for (const char* none :
       {"", "alias/", "a b", "key/x", "a:b", "arn:aws:kms::000000000000:key/k",
        "arn:aws:kms:adit:111111111111:key/k", "arn:aws:kms:adit:000000000000:key/",
        "arn:aws:kms:adit:000000000000:grant/k", "arn:aws:ssm:adit:000000000000:key/k",
        "arn:aws:kms:adit"}) {
    EXPECT_EQ(KeyArn(none), std::nullopt) << none;
  }
  EXPECT_EQ(KeyArn(std::string(kKeyIdSizeMax + 1, 'k')), std::nullopt);
}

}  // namespace
}  // namespace relay::keys
