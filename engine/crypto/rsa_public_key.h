#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"

struct rsa_st;  // BoringSSL's RSA.

namespace engine::crypto {

// The largest public key that is read.
inline constexpr size_t kRsaPublicKeySizeMax = 2 * 1024;

// RsaPublicKey verifies what others sign by RSA. Copies share one immutable key.
class RsaPublicKey {
 public:
  // FromDer reads a SubjectPublicKeyInfo. InvalidArgument: it is none, it is not RSA, or has fewer
  // than 2,048 or more than 8,192 bits.
  static absl::StatusOr<RsaPublicKey> FromDer(ByteView der);

  // VerifiesPss says whether `signature` is RSASSA-PSS of the message with this SHA-256: MGF1 with
  // SHA-256, and a salt of 32 bytes.
  bool VerifiesPss(const Sha256Digest& digest, ByteView signature) const;

 private:
  explicit RsaPublicKey(std::shared_ptr<rsa_st> key) : key_(std::move(key)) {}
  std::shared_ptr<rsa_st> key_;
};

}  // namespace engine::crypto
