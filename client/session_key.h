#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/tls/tls_context.h"

namespace client {

// SessionKey is what this client is in one sealed session, and nowhere else: a key that no file
// ever holds, with a certificate that says nothing but the key.
struct SessionKey {
  engine::TlsIdentity identity;
  std::string hash;  // The SHA-256 of its SubjectPublicKeyInfo, in 64 hex digits: `ClientKey`.
};

// MakeSessionKey makes a fresh one. `now` is in unix seconds.
absl::StatusOr<SessionKey> MakeSessionKey(int64_t now);

}  // namespace client
