// Small secrets at rest: AES-256-GCM under a master key.
//
//   sealed = version (1 byte, 1) | nonce (12 bytes, random) | ciphertext | tag (16 bytes)
//
// A nonce is random, so one master key must not seal more than 2^32 secrets (NIST SP 800-38D, 8.3).

#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"

namespace engine::crypto {

inline constexpr size_t kMasterKeySize = 32;
using MasterKey = std::array<std::byte, kMasterKeySize>;

// The largest secret that Seal takes: what is larger is not a small secret.
inline constexpr size_t kSealedSecretSizeMax = 1024 * 1024;
inline constexpr size_t kSealOverhead = 1 + 12 + 16;

// Seal returns `secret`, encrypted and bound to `associated`: the name of the place where it is
// kept, so that nobody with access to the storage can move it to another place.
// Requires: secret.size() <= kSealedSecretSizeMax.
std::string Seal(const MasterKey& key, ByteView secret, ByteView associated);

// Open returns the secret. InvalidArgument: not something that Seal made. PermissionDenied: another
// key, other associated bytes, or changed bytes; which of them cannot be known.
absl::StatusOr<std::string> Open(const MasterKey& key, ByteView sealed, ByteView associated);

}  // namespace engine::crypto
