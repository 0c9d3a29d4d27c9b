#include "client/sealed_proof.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "engine/base/bytes.h"
#include "engine/crypto/base64.h"
#include "engine/wire/session_binding.h"

namespace client {
namespace {

constexpr size_t kBindingTextMax = std::numeric_limits<uint16_t>::max();

// One value has one text, so that what was signed is what we read.
bool ReadHash(const std::string& text, engine::crypto::Sha256Digest& out) {
  return engine::FromHex(text, out) && engine::ToHex(out) == text;
}

}  // namespace

SealedProof ProveSealed(const SealedAnswer& answer, std::string_view session_id,
                        std::string_view client_key) {
  SealedProof proof;
  const std::optional<std::string> node_key = engine::crypto::DecodeBase64(answer.node_key);
  const std::optional<std::string> signature = engine::crypto::DecodeBase64(answer.signature);
  if (!ReadHash(answer.session_key, proof.session_key) || !node_key ||
      node_key->size() != proof.node_key.size() || !signature ||
      signature->size() != engine::crypto::kIdentitySignatureSize ||
      session_id.size() > kBindingTextMax) {
    proof.error = ProofError::kUnreadable;
    return proof;
  }
  std::memcpy(proof.node_key.data(), node_key->data(), proof.node_key.size());
  const std::string binding = engine::SessionBinding(session_id, answer.session_key, client_key);
  if (!engine::crypto::VerifyIdentity(proof.node_key, engine::AsBytes(binding),
                                      engine::AsBytes(*signature))) {
    proof.error = ProofError::kNotSigned;
  }
  return proof;
}

}  // namespace client
