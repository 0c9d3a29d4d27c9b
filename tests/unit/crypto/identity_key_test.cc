// Goal: signatures are those of RFC 8032, and nothing else verifies.

#include "engine/crypto/identity_key.h"

#include <string>

#include "engine/crypto/base64.h"
#include "gtest/gtest.h"

namespace engine::crypto {
namespace {

std::string Bytes(std::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  EXPECT_TRUE(FromHex(hex, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

std::string Text(ByteView bytes) { return std::string(AsText(bytes)); }

struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032, section 7.1, tests 1 to 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(IdentityKeyTest, SignsAsRfc8032Says) {
  for (const Vector& vector : kVectors) {
    const auto key = IdentityKey::FromSeed(EncodeBase64(AsBytes(Bytes(vector.seed))));
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(Text(key->public_key()), Bytes(vector.public_key));
    const std::string message = Bytes(vector.message);
    const IdentitySignature signature = key->Sign(AsBytes(message));
    EXPECT_EQ(Text(signature), Bytes(vector.signature));
    EXPECT_TRUE(VerifyIdentity(key->public_key(), AsBytes(message), signature));
  }
}

TEST(IdentityKeyTest, NothingElseVerifies) {
  const IdentityKey key = IdentityKey::Generate();
  const IdentityKey other = IdentityKey::Generate();
  IdentitySignature signature = key.Sign(AsBytes("message"));
  EXPECT_FALSE(VerifyIdentity(key.public_key(), AsBytes("another"), signature));
  EXPECT_FALSE(VerifyIdentity(other.public_key(), AsBytes("message"), signature));
  EXPECT_FALSE(VerifyIdentity(key.public_key(), AsBytes("message"), ByteView(signature).first(63)));
  EXPECT_FALSE(VerifyIdentity(ByteView(key.public_key()).first(31), AsBytes("message"), signature));
  signature[17] ^= std::byte{1};
  EXPECT_FALSE(VerifyIdentity(key.public_key(), AsBytes("message"), signature));
}

TEST(IdentityKeyTest, ItsSeedBringsItBack) {
  const IdentityKey key = IdentityKey::Generate();
  const auto again = IdentityKey::FromSeed(key.seed_text());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_TRUE(
      VerifyIdentity(key.public_key(), AsBytes("message"), again->Sign(AsBytes("message"))));
}

TEST(IdentityKeyTest, WhatIsNoSeedIsRefused) {
  for (const char* text : {"", "AAAA", "not base64 at all, though it is quite as long as"}) {
    EXPECT_EQ(IdentityKey::FromSeed(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(IdentityKeyTest, ItsFingerprintLooksAsSshShowsOne) {
  IdentityPublicKey zeros{};
  EXPECT_EQ(IdentityFingerprint(zeros), "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU");
}

}  // namespace
}  // namespace engine::crypto
