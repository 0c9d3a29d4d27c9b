// The key by which people know this node for as long as it is enrolled
// (engine/crypto/identity_key.h). It is made at enrolment, never leaves the machine, and outlives
// every certificate; a machine that is enrolled anew is another node, with another key.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/node_state.h"
#include "engine/crypto/identity_key.h"

namespace agent {

// IdentityOf returns the key in `state`. A state of a version that knew no identities gets one,
// which is saved before it is used: an error is that of saving. Requires: the caller has
// LockStateFolder's lock, or `state` has an identity.
absl::StatusOr<engine::crypto::IdentityKey> IdentityOf(const std::string& folder, NodeState& state);

}  // namespace agent
