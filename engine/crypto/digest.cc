#include "engine/crypto/digest.h"

#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <cstring>

#include "engine/crypto/openssl_text.h"

namespace engine::crypto {
namespace {

static_assert(sizeof(SHA256_CTX) == 112);
static_assert(alignof(SHA256_CTX) <= 8);
static_assert(kSha256Size == SHA256_DIGEST_LENGTH);

SHA256_CTX* Context(std::array<std::byte, 112>& state) {
  return reinterpret_cast<SHA256_CTX*>(state.data());
}

}  // namespace

Sha256Digest Sha256(ByteView bytes) {
  Sha256Digest digest;
  SHA256(Octets(bytes), bytes.size(), MutableOctets(digest));
  return digest;
}

std::string HexSha256(ByteView bytes) { return ToHex(Sha256(bytes)); }

namespace {

template <class Digest>
Digest Hmac(const EVP_MD* hash, ByteView key, ByteView bytes) {
  Digest digest;
  unsigned size = 0;
  // HMAC takes no null pointer for an empty key.
  static constexpr uint8_t kNothing = 0;
  CHECK(HMAC(hash, key.empty() ? &kNothing : Octets(key), key.size(), Octets(bytes), bytes.size(),
             MutableOctets(digest), &size) != nullptr);
  CHECK(size == digest.size());
  return digest;
}

}  // namespace

Sha256Digest HmacSha256(ByteView key, ByteView bytes) {
  return Hmac<Sha256Digest>(EVP_sha256(), key, bytes);
}

Sha1Digest HmacSha1(ByteView key, ByteView bytes) {
  return Hmac<Sha1Digest>(EVP_sha1(), key, bytes);
}

Sha1Digest Sha1(ByteView bytes) {
  Sha1Digest digest;
  SHA1(Octets(bytes), bytes.size(), MutableOctets(digest));
  return digest;
}

Sha256Hasher::Sha256Hasher() { SHA256_Init(Context(state_)); }

void Sha256Hasher::Update(ByteView bytes) {
  SHA256_Update(Context(state_), bytes.data(), bytes.size());
}

Sha256Digest Sha256Hasher::Finish() {
  Sha256Digest digest;
  SHA256_Final(MutableOctets(digest), Context(state_));
  SHA256_Init(Context(state_));
  return digest;
}

}  // namespace engine::crypto
