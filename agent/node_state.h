// What makes this machine a node: one file, `node.json`, mode 0600, in a folder of mode 0700. It is
// replaced as a whole, so that keys, certificate and authority always belong together.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/made_folders.h"
#include "agent/process/owned_descriptor.h"
#include "engine/wire/host_port.h"

namespace agent {

struct NodeState {
  engine::HostPort relay;
  std::string node_id;          // "mi-" and 17 hex digits.
  std::string name;             // What the node is called in lists.
  std::string private_key_pem;  // Secret. Made here, never leaves this machine.
  std::string certificate_pem;  // Short-lived; renewed over the link.
  std::string authority_pem;    // Whom the relay's certificate must come from.
  std::string identity_seed;  // Secret. See node_identity.h; empty when an older version wrote it.
  int64_t known_unix = 0;     // What is known to have passed, in seconds: see node_clock.h.
};

// PrepareStateFolder makes the folder (and its parents) where it is missing, which `made` then
// knows, and takes every right of others away. FailedPrecondition: the folder is open to others and
// has files that are not a node's state; it is left as it is. An error's text says what to do.
absl::Status PrepareStateFolder(const std::string& folder, MadeFolders& made);
// The same, and what was made stays.
absl::Status PrepareStateFolder(const std::string& folder);

// LoadNodeState reads the node's state. NotFound: the node is not enrolled. PermissionDenied: the
// file may not be read, or may be read by others. InvalidArgument: it was damaged.
absl::StatusOr<NodeState> LoadNodeState(const std::string& folder);

// SaveNodeState replaces the state atomically and durably: after a crash there is the old file or
// the new one. Requires: PrepareStateFolder succeeded.
absl::Status SaveNodeState(const std::string& folder, const NodeState& state);

// LockStateFolder makes sure that one agent at a time works with the state. The lock lasts as long
// as the descriptor. AlreadyExists: another agent has it.
absl::StatusOr<Descriptor> LockStateFolder(const std::string& folder);

}  // namespace agent
