// Ed25519 (RFC 8032): the key by which a node is known for as long as it exists.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"

namespace engine::crypto {

inline constexpr size_t kIdentityKeySize = 32;
inline constexpr size_t kIdentitySignatureSize = 64;
using IdentityPublicKey = std::array<std::byte, kIdentityKeySize>;
using IdentitySignature = std::array<std::byte, kIdentitySignatureSize>;

// IdentityKey is the private half. It is a secret: its seed is wiped when the object goes.
class IdentityKey {
 public:
  // Generate makes a new key.
  static IdentityKey Generate();

  // FromSeed reads what seed_text() returned. InvalidArgument: it is not the Base64 of 32 bytes.
  static absl::StatusOr<IdentityKey> FromSeed(std::string_view text);

  ~IdentityKey();
  IdentityKey(const IdentityKey&) = default;
  IdentityKey& operator=(const IdentityKey&) = default;

  // The seed of RFC 8032, 5.1.5, in Base64. A secret: write it only to files of mode 0600.
  std::string seed_text() const;
  const IdentityPublicKey& public_key() const { return public_key_; }

  IdentitySignature Sign(ByteView message) const;

 private:
  explicit IdentityKey(const std::array<std::byte, kIdentityKeySize>& seed);

  std::array<std::byte, kIdentityKeySize> seed_;
  IdentityPublicKey public_key_;
};

// VerifyIdentity says whether `signature` is that of the key's owner over `message`. Sizes other
// than those above are no.
bool VerifyIdentity(ByteView public_key, ByteView message, ByteView signature);

// IdentityFingerprint is how a public key is shown to people, as ssh shows its own: `SHA256:` and
// the unpadded Base64 of its SHA-256.
std::string IdentityFingerprint(const IdentityPublicKey& key);

}  // namespace engine::crypto
