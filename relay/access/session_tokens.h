// Temporary credentials: a key, its secret and a token that says whose they are.
//
// Nothing of them is stored. The token is the session itself, sealed under a key of the relay's;
// the secret is derived from the key's id. So there are no rows to write, to expire or to run out
// of, and what ends a session early is what it hangs on: its user or role, or the access key that
// asked for a user's own session. When the master key is changed, all of them end.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/crypto/aead.h"
#include "engine/crypto/digest.h"
#include "relay/access/caller.h"

namespace relay {

class Store;

// A session in a token takes at most so much before it is sealed, so that a request with it,
// percent signs and all, has a head that is read (engine::kHttpHeadSizeMax).
inline constexpr size_t kPackedSessionSizeMax = 6'000;
inline constexpr size_t kSessionTokenSizeMax = 8'192;

// TemporaryPrincipal is what a token holds.
struct TemporaryPrincipal {
  std::string entity_id;      // A user's or role's, in the IamStore.
  std::string issuer_key_id;  // Of a user's own session: the access key that asked for it.
  TemporarySession session;
  int64_t expires_unix_ms = 0;
};

struct TemporaryCredentials {
  std::string access_key_id;  // ASIA...
  std::string secret;         // Never logged; so is the token.
  std::string token;
  int packed_percent = 0;  // How much of kPackedSessionSizeMax the session takes.
};

class SessionTokens {
 public:
  explicit SessionTokens(const Store& store);
  ~SessionTokens();
  SessionTokens(const SessionTokens&) = delete;
  SessionTokens& operator=(const SessionTokens&) = delete;

  // Issue makes credentials. ResourceExhausted: the session is larger than kPackedSessionSizeMax.
  absl::StatusOr<TemporaryCredentials> Issue(std::string access_key_id,
                                             const TemporaryPrincipal& principal) const;

  // Open returns what a token holds. InvalidArgument: it is none of this relay's, or belongs to
  // another access key. It does not look at the clock.
  absl::StatusOr<TemporaryPrincipal> Open(std::string_view access_key_id,
                                          std::string_view token) const;

  // Secret returns the secret of a temporary access key.
  std::string Secret(std::string_view access_key_id) const;

 private:
  engine::crypto::MasterKey seal_key_;
  engine::crypto::Sha256Digest secret_key_;
};

}  // namespace relay
