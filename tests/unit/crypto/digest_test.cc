// Goal: the digests are the standard ones, and pieces make no difference.
// Method: vectors of FIPS 180-2, RFC 4231 and RFC 6455.

#include "engine/crypto/digest.h"

#include <array>
#include <string>

#include "engine/crypto/base64.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/random_bytes.h"
#include "gtest/gtest.h"

namespace engine::crypto {
namespace {

std::string Bytes(std::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  EXPECT_TRUE(FromHex(hex, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()}));
  return bytes;
}

TEST(DigestTest, Sha256OfTheStandardsExamples) {
  EXPECT_EQ(HexSha256(AsBytes("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexSha256(AsBytes("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexSha256(AsBytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HexSha256(AsBytes(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, PiecesMakeTheSameDigestAndFinishStartsOver) {
  const std::string text(1000, 'q');
  for (const size_t piece : {1u, 7u, 63u, 64u, 65u, 999u}) {
    Sha256Hasher hasher;
    for (size_t offset = 0; offset < text.size(); offset += piece) {
      hasher.Update(AsBytes(std::string_view(text).substr(offset, piece)));
    }
    EXPECT_EQ(hasher.Finish(), Sha256(AsBytes(text)));
    EXPECT_EQ(hasher.Finish(), Sha256({}));
  }
}

TEST(DigestTest, ACopyOfAHasherGoesOnFromTheSameState) {
  Sha256Hasher hasher;
  hasher.Update(AsBytes("ab"));
  Sha256Hasher copy = hasher;
  copy.Update(AsBytes("c"));
  hasher.Update(AsBytes("d"));
  EXPECT_EQ(copy.Finish(), Sha256(AsBytes("abc")));
  EXPECT_EQ(hasher.Finish(), Sha256(AsBytes("abd")));
}

TEST(DigestTest, HmacSha256OfRfc4231) {
  EXPECT_EQ(ToHex(HmacSha256(AsBytes(std::string(20, '\x0b')), AsBytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacSha256(AsBytes(std::string(20, '\xaa')), AsBytes(std::string(50, '\xdd')))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(ToHex(HmacSha256(AsBytes(std::string(131, '\xaa')),
                             AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(ToHex(HmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(DigestTest, Sha1MakesTheAnswerOfRfc6455) {
  EXPECT_EQ(ToHex(Sha1(AsBytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(EncodeBase64(Sha1(AsBytes("dGhlIHNhbXBsZSBub25jZQ=="
                                      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(DigestTest, EqualIsEqualInEveryByte) {
  const std::string secret = Bytes("00112233445566778899aabbccddeeff");
  EXPECT_TRUE(ConstantTimeEqual(AsBytes(secret), AsBytes(std::string(secret))));
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes(secret), AsBytes(secret).first(15)));
  for (size_t i = 0; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(ConstantTimeEqual(AsBytes(secret), AsBytes(other)));
  }
}

TEST(DigestTest, RandomBytesDifferAndCleanseForgets) {
  EXPECT_EQ(RandomHex(16).size(), 32u);
  EXPECT_NE(RandomHex(16), RandomHex(16));
  std::array<std::byte, 32> secret;
  FillRandom(secret);
  EXPECT_NE(secret, (std::array<std::byte, 32>{}));
  Cleanse(secret);
  EXPECT_EQ(secret, (std::array<std::byte, 32>{}));
}

}  // namespace
}  // namespace engine::crypto
