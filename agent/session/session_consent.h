#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "engine/crypto/identity_key.h"
#include "engine/wire/control.h"

namespace engine {
class TlsContext;
}  // namespace engine

namespace agent {

// SessionConsent is the node's half of a sealed session's keys: what the relay is answered, and
// with what the client is met inside.
struct SessionConsent {
  engine::SessionAnswer answer;
  // A server's; it lets this one client in. Null: the session is inspected, and has no keys.
  std::shared_ptr<engine::TlsContext> inner;
};

// ConsentTo makes a fresh key for the session and signs it, towards this client, with the node's
// identity. An error is that of TlsContext::Server. Requires: Decode returned the offer.
absl::StatusOr<SessionConsent> ConsentTo(const engine::SessionOffer& offer,
                                         const engine::crypto::IdentityKey& identity);

}  // namespace agent
