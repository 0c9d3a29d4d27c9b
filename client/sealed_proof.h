// That a sealed session is with the node and with nobody in between: what the relay hands over, and
// what of it is proven.
//
//     StartSession --> SealedAnswer --ProveSealed--> SealedProof --KnownNodes::Meet--> dial
//                     (the relay's words)          (the node's)

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/crypto/digest.h"
#include "engine/crypto/identity_key.h"

namespace client {

// SealedAnswer is what StartSession says of the node's side of a sealed session: foreign texts.
struct SealedAnswer {
  std::string session_key;  // 64 hex digits: the key that the node will show.
  std::string node_key;     // Base64: the node's identity.
  std::string signature;    // Base64: of the identity, over who talks to whom.
};

enum class ProofError : uint8_t {
  kNone,
  kUnreadable,  // A member is missing, or is no key, hash or signature.
  kNotSigned,   // That identity did not sign this session with this session key for this client:
                // something was altered, or belongs to another session.
};

struct SealedProof {
  ProofError error = ProofError::kNone;
  engine::crypto::IdentityPublicKey node_key{};
  engine::crypto::Sha256Digest session_key{};
};

// ProveSealed checks that the holder of `node_key` consented to exactly this session. Whose key
// that is, is not its business. `client_key` is SessionKey::hash.
SealedProof ProveSealed(const SealedAnswer& answer, std::string_view session_id,
                        std::string_view client_key);

}  // namespace client
