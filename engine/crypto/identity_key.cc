#include "engine/crypto/identity_key.h"

#include <openssl/curve25519.h>
#include <openssl/mem.h>

#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "engine/crypto/openssl_text.h"
#include "engine/crypto/random_bytes.h"

namespace engine::crypto {
namespace {

// BoringSSL's private key is the seed and the public key behind it.
constexpr size_t kBoringPrivateSize = 64;
static_assert(ED25519_PUBLIC_KEY_LEN == kIdentityKeySize);
static_assert(ED25519_SIGNATURE_LEN == kIdentitySignatureSize);
static_assert(ED25519_PRIVATE_KEY_LEN == kBoringPrivateSize);

}  // namespace

IdentityKey::IdentityKey(const std::array<std::byte, kIdentityKeySize>& seed) : seed_(seed) {
  std::array<std::byte, kBoringPrivateSize> expanded;
  ED25519_keypair_from_seed(MutableOctets(public_key_), MutableOctets(expanded), Octets(seed_));
  OPENSSL_cleanse(expanded.data(), expanded.size());
}

IdentityKey::~IdentityKey() { OPENSSL_cleanse(seed_.data(), seed_.size()); }

IdentityKey IdentityKey::Generate() {
  std::array<std::byte, kIdentityKeySize> seed;
  FillRandom(seed);
  IdentityKey key(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

absl::StatusOr<IdentityKey> IdentityKey::FromSeed(std::string_view text) {
  std::optional<std::string> bytes = DecodeBase64(text);
  if (!bytes.has_value() || bytes->size() != kIdentityKeySize) {
    return absl::InvalidArgumentError("not an identity key: the Base64 of 32 bytes is expected");
  }
  std::array<std::byte, kIdentityKeySize> seed;
  std::memcpy(seed.data(), bytes->data(), seed.size());
  OPENSSL_cleanse(bytes->data(), bytes->size());
  IdentityKey key(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

std::string IdentityKey::seed_text() const { return EncodeBase64(seed_); }

IdentitySignature IdentityKey::Sign(ByteView message) const {
  std::array<std::byte, kBoringPrivateSize> expanded;
  std::memcpy(expanded.data(), seed_.data(), seed_.size());
  std::memcpy(expanded.data() + seed_.size(), public_key_.data(), public_key_.size());
  IdentitySignature signature;
  CHECK(ED25519_sign(MutableOctets(signature), Octets(message), message.size(),
                     Octets(ByteView(expanded))) == 1);
  OPENSSL_cleanse(expanded.data(), expanded.size());
  return signature;
}

bool VerifyIdentity(ByteView public_key, ByteView message, ByteView signature) {
  if (public_key.size() != kIdentityKeySize || signature.size() != kIdentitySignatureSize) {
    return false;
  }
  return ED25519_verify(Octets(message), message.size(), Octets(signature), Octets(public_key)) ==
         1;
}

std::string IdentityFingerprint(const IdentityPublicKey& key) {
  std::string text = EncodeBase64(Sha256(key));
  text.erase(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

}  // namespace engine::crypto
