// Goal: what one end of a session seals the other opens, as real programs do it, and nobody else.
// Method: the vectors of the protocol's specification, round trips, and every byte changed in turn.

#include "engine/crypto/payload_cipher.h"

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace engine::crypto {
namespace {

using End = PayloadCipher::End;

// 00 01 02 ... 3f
std::string CountingKey() {
  std::string key;
  for (size_t i = 0; i < kDataKeySize; ++i) key.push_back(static_cast<char>(i));
  return key;
}

PayloadCipher::Nonce CountingNonce() {
  PayloadCipher::Nonce nonce;
  for (size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(i);
  return nonce;
}

std::string Seal(PayloadCipher& cipher, std::string_view plain) {
  std::string sealed(plain.size() + kPayloadOverhead, '\0');
  EXPECT_EQ(cipher.Seal(AsBytes(plain), std::as_writable_bytes(std::span(sealed))), sealed.size());
  return sealed;
}

// Open returns "no" for what is not opened; no test seals that.
std::string Open(const PayloadCipher& cipher, std::string_view sealed) {
  std::string plain(sealed.size(), '\0');
  const auto size = cipher.Open(AsBytes(sealed), std::as_writable_bytes(std::span(plain)));
  return size.has_value() ? plain.substr(0, *size) : "no";
}

TEST(PayloadCipherTest, BothEndsSealAsTheSpecificationSays) {
  const std::string key = CountingKey();
  PayloadCipher node(End::kNode, AsBytes(key), CountingNonce());
  PayloadCipher client(End::kClient, AsBytes(key), CountingNonce());
  EXPECT_EQ(absl::BytesToHexString(Seal(node, "hello")),
            "000102030405060708090a0b2f67ba77aa2797ff353b8a046d28236dcd9d057bbb");
  EXPECT_EQ(absl::BytesToHexString(Seal(client, "hello")),
            "000102030405060708090a0b343731cb25fb6b6d50e4ed83c749b851c5fa918ab5");
}

TEST(PayloadCipherTest, EachEndOpensWhatTheOtherSealsAndNotItsOwn) {
  const std::string key = CountingKey();
  PayloadCipher node(End::kNode, AsBytes(key));
  PayloadCipher client(End::kClient, AsBytes(key));
  for (const std::string& plain : {std::string(), std::string("x"), std::string(4096, 'y')}) {
    EXPECT_EQ(Open(client, Seal(node, plain)), plain);
    EXPECT_EQ(Open(node, Seal(client, plain)), plain);
  }
  EXPECT_EQ(Open(node, Seal(node, "own")), "no");
}

TEST(PayloadCipherTest, NoNonceComesTwice) {
  PayloadCipher::Nonce last;
  last.fill(std::byte{0xff});
  PayloadCipher node(End::kNode, AsBytes(CountingKey()), last);
  const std::string first = Seal(node, "a").substr(0, kPayloadNonceSize);
  const std::string second = Seal(node, "a").substr(0, kPayloadNonceSize);
  const std::string third = Seal(node, "a").substr(0, kPayloadNonceSize);
  EXPECT_EQ(absl::BytesToHexString(first), "ffffffffffffffffffffffff");
  EXPECT_EQ(absl::BytesToHexString(second), "000000000000000000000000");
  EXPECT_EQ(absl::BytesToHexString(third), "010000000000000000000000");
}

TEST(PayloadCipherTest, WhatWasChangedOrIsTooShortDoesNotOpen) {
  const std::string key = CountingKey();
  PayloadCipher node(End::kNode, AsBytes(key));
  const PayloadCipher client(End::kClient, AsBytes(key));
  const std::string sealed = Seal(node, "hello");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(Open(client, changed), "no") << i;
    EXPECT_EQ(Open(client, sealed.substr(0, i)), "no") << i;
  }
  EXPECT_EQ(Open(client, sealed), "hello");
}

}  // namespace
}  // namespace engine::crypto
