// Keys and signatures were made by OpenSSL's command line.

#include "engine/crypto/rsa_public_key.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/crypto/base64.h"

namespace engine::crypto {
namespace {

constexpr const char* kKey =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmMa5S8X36GQQ2XuEyU800GNl84OL3xMUHQXl6uLOE46B"
    "am854hAOTwpv/WjgAN8fzBhdZ+KZiYZpA7w+qa5MMK1hZKVyAzqwt+yjAd+2sNpr+Zpw4n6vHfKl19VQTw6I3CGX"
    "N7xgl2gdDVxhYo8Nyq7UzKnd9MOdT0fYVWkCMUMURRufoEFhuqIHIn8j9G3ZSaygJTgOS4Wg8cCpuMsY1J8vYRiS"
    "hk1pr2fLVXJWQAF2tL59Q2Ha0dd+T02NUgNTI/Up011HtQ7g/9JhY+tsFuOqEqqKVFNRFZIkkHjgzQk5igR6XsFT"
    "G25lol+yOExG2jQ0/5dN/OACjttVEbmr+QIDAQAB";
constexpr const char* kShortKey =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDZO80D/whUz9CP1eIYulBPsHcXNaTQSGpov5cLHl+uQg6l4ffy"
    "mhMoUsTWspsqgpuJE8+8j4ElRviFAerz5AYs2Q7a6Nyvd01c58S3/JuUTE/4ihoxjxkx4pVOASQKpW7zj3PjKVZg"
    "l5D0ihaN9TH6bGig3ALrm+wlEbB8jn/jFQIDAQAB";
constexpr const char* kSignature =
    "hYYhSalPtMVS7OnwOXfGv4soAOHdHTbHdTYes8XzyBuKlDlBjz8bfyKikhpphqtsLeYHzxZ7WI8KfFzP34Av79TL"
    "M/pdVZVqECHo/a+84biKJpe12UDCfxENB2OTbqL7QbE+e8gTb0iEw2Qj1u19jy3c4KFtji/ZvumNNEjfTNmnbE0A"
    "H3GboGrsxGwjafuOUfaeMcQCRR3oxFuv2lh45fne4iABIaftRPKkkjGmdGYofWn5ZSmwyBEvVYJ9U2pvAzVlH3dV"
    "tJSs6IKSv/iQJ6QWAV2Jr1N9vbdZGSH9t8irqKerGvtPv81zu3A1kHZGrkD2AZntzXsEqlSHDENuBA==";
constexpr const char* kOtherSaltSignature =
    "RM8S/nTxerDjG0HhxWH20DurSceI9ScdoldEJ/eNiGVWRG9Y/DXgiMpTSXjGqI9rfVYIiIBJdLczuo1+uGpY0/a2"
    "cKEFyHm9gqgmqhTHRDVY3KEWMh9N+VSmrZoD+FExhBdYiZekGshEv4CxzZjlb6aLl6X3eBNY5gAorUREvu8jDqYy"
    "W3wrtHJQNXVh7weQ0i3U/f2jxoyz+tcZcG6TfSinKmFNGkkdRIxp7ZqhJa7oPlCKmUwsefdLVrKEUUmhfhNFpyRO"
    "lkisGUwApKr8k6XRIIT68Itj20kupixY6dB1xjVfW8Phc7qNtwyBEIuI2Uw0Yd3JmXmuteMOcHa52A==";

std::string Bytes(const char* base64) { return DecodeBase64(base64).value(); }

TEST(RsaPublicKey, ASignatureCountsForItsMessageAndNoOther) {
  const auto key = RsaPublicKey::FromDer(AsBytes(Bytes(kKey)));
  ASSERT_TRUE(key.ok()) << key.status();
  const Sha256Digest digest = Sha256(AsBytes("what was signed"));
  EXPECT_TRUE(key->VerifiesPss(digest, AsBytes(Bytes(kSignature))));
  EXPECT_FALSE(key->VerifiesPss(Sha256(AsBytes("what was not")), AsBytes(Bytes(kSignature))));
  EXPECT_FALSE(key->VerifiesPss(digest, AsBytes(Bytes(kOtherSaltSignature))));
  EXPECT_FALSE(key->VerifiesPss(digest, {}));
  std::string changed = Bytes(kSignature);
  changed[100] = static_cast<char>(changed[100] ^ 1);
  EXPECT_FALSE(key->VerifiesPss(digest, AsBytes(changed)));
}

TEST(RsaPublicKey, OtherKeysAreRefused) {
  EXPECT_FALSE(RsaPublicKey::FromDer(AsBytes(Bytes(kShortKey))).ok());
  EXPECT_FALSE(RsaPublicKey::FromDer({}).ok());
  EXPECT_FALSE(RsaPublicKey::FromDer(AsBytes(Bytes(kKey) + "x")).ok());
  EXPECT_FALSE(RsaPublicKey::FromDer(AsBytes(std::string(kRsaPublicKeySizeMax + 1, '0'))).ok());
}

}  // namespace
}  // namespace engine::crypto
