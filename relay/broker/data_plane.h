// What the broker needs of the part of the relay that moves bytes.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/crypto/digest.h"
#include "relay/broker/documents.h"

namespace relay {

// NodePlace says where a node's link is.
struct NodePlace {
  uint32_t loop = 0;
};

// SessionGrant is all that a session may do, and how its client proves itself.
struct SessionGrant {
  std::string session_id;
  std::string node_id;
  std::string principal;
  std::string run_as;  // Empty: as the agent is configured.
  engine::crypto::Sha256Digest token_sha256{};
  SessionPlan plan;
  // Counted from PrepareSession. The broker ends a session at both; the data plane may as well.
  engine::Duration join_max{};
  engine::Duration duration_max{};
};

// DataPlane is called on the broker's thread. No call may call back into the broker before it has
// returned.
class DataPlane {
 public:
  virtual ~DataPlane() = default;

  // FindNode returns where the node is connected now, or nothing.
  virtual std::optional<NodePlace> FindNode(std::string_view node_id) = 0;

  // PrepareSession lets the holder of the token join from now on. The token stays good until
  // EndSession: a client that lost its connection may try again.
  virtual void PrepareSession(const SessionGrant& grant) = 0;

  // EndSession cuts the session's streams and forgets its grant; the reason is for the user's eyes.
  // Broker::SessionEnded follows if the session had been joined. An unknown id is no error.
  virtual void EndSession(std::string_view session_id, std::string_view reason) = 0;
};

}  // namespace relay
