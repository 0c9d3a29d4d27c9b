#include "agent/node_identity.h"

#include "absl/status/status.h"
#include "engine/base/log.h"

namespace agent {

using engine::crypto::IdentityKey;

absl::StatusOr<IdentityKey> IdentityOf(const std::string& folder, NodeState& state) {
  if (!state.identity_seed.empty()) return IdentityKey::FromSeed(state.identity_seed);
  const IdentityKey made = IdentityKey::Generate();
  NodeState with_identity = state;
  with_identity.identity_seed = made.seed_text();
  const absl::Status saved = SaveNodeState(folder, with_identity);
  if (!saved.ok()) return saved;
  state = with_identity;
  engine::log::Write(engine::log::Level::kInfo, "identity_made",
                     {{"node", state.node_id},
                      {"fingerprint", engine::crypto::IdentityFingerprint(made.public_key())}});
  return made;
}

}  // namespace agent
