// What the broker needs of the part of the relay that moves bytes.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/crypto/digest.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/wire/control.h"
#include "engine/wire/session_plan.h"

namespace relay {

using engine::SessionPlan;

// kNodeHeader is in the API's answer when a node may open a channel: the node's id, for the loop
// that asked. It is never sent.
inline constexpr const char* kNodeHeader = "X-Adit-Node";

// NodePlace says where a node's link is, and what its agent knows.
struct NodePlace {
  uint32_t loop = 0;
  uint64_t link_serial = 0;
  bool is_sealing = false;     // It named the feature engine::kFeatureSealed ...
  bool is_encrypting = false;  // ... and engine::kFeatureEncrypted ...
  bool is_laning = false;      // ... and engine::kFeatureInspectedLanes.
};

// ClientTerms is what an AWS client is told of its session, and how it wants its output.
struct ClientTerms {
  std::string session_type;  // As documents name it.
  std::optional<engine::datachannel::PortProperties> port;
  bool separates_output = false;  // Of a command without a terminal.
  std::string output_prefix;
  std::string error_prefix;
};

// SessionGrant is all that an inspected session may do, and how its client proves itself.
struct SessionGrant {
  std::string session_id;
  std::string node_id;
  bool is_original = false;  // The node's agent is amazon-ssm-agent.
  std::string principal;
  std::string run_as;  // Empty: as the agent is configured.
  engine::crypto::Sha256Digest token_sha256{};
  SessionPlan plan;
  ClientTerms client_terms;
  // Counted from PrepareSession. The broker ends a session at both; the data plane may as well.
  engine::Duration join_max{};
  engine::Duration duration_max{};
  // Without a byte of the user's; zero: never. The data plane ends it: it alone sees bytes.
  engine::Duration idle_max{};
};

// LaneId names a lane of a sealed session.
struct LaneId {
  std::string session_id;
  uint32_t number = 0;  // Never used twice in its session.
};

// LaneGrant lets a client and a node join one lane, once, each with its own token.
struct LaneGrant {
  LaneId id;
  std::string node_id;
  std::string name;  // As in the tokens: see join_token.h.
  engine::crypto::Sha256Digest client_token_sha256{};
  engine::crypto::Sha256Digest node_token_sha256{};
  engine::Duration join_max{};  // Until both have to be there.
  bool comes_again = false;     // Who is cut goes on over another one.
  bool is_inspected = false;    // Both sides stay inside TLS with the relay.
  // Of a lane on which one goes on: the node's link on which it was offered. Otherwise 0.
  uint64_t link_serial = 0;
};

// LaneEnd is how a lane ended.
struct LaneEnd {
  bool was_joined = false;
  std::string reason;
  uint64_t to_node_bytes = 0;
  uint64_t to_client_bytes = 0;
};

// StreamEnd is what a stream was when it is over.
struct StreamEnd {
  std::string what;     // What it led to, as Describe(SessionPlan) says it.
  std::string outcome;  // The name of its close code.
  uint64_t to_node_bytes = 0;
  uint64_t from_node_bytes = 0;
  uint64_t duration_ms = 0;
};

// DataPlane is called on the broker's thread. No call may call back into the broker before it has
// returned.
class DataPlane {
 public:
  virtual ~DataPlane() = default;

  // FindNode returns where the node is connected now, or nothing.
  virtual std::optional<NodePlace> FindNode(std::string_view node_id) = 0;

  // CutNode closes the node's link, whether it was admitted yet or not, and forgets it: the node is
  // not registered any more. An unknown id is no error.
  virtual void CutNode(std::string_view node_id, std::string_view reason) = 0;

  // PrepareSession lets the holder of the token join from now on. The token stays good until
  // EndSession: a client that lost its connection may try again.
  virtual void PrepareSession(const SessionGrant& grant) = 0;

  // RenewToken lets the holder of another token join, in the place of the one before.
  virtual void RenewToken(std::string_view session_id,
                          const engine::crypto::Sha256Digest& token_sha256) = 0;

  // EndSession cuts the session's streams and forgets its grant; the reason is for the user's eyes.
  // Broker::SessionEnded follows if the session had been joined. An unknown id is no error.
  virtual void EndSession(std::string_view session_id, std::string_view reason) = 0;

  // What sealed sessions need:

  // TellNode sends a message on the node's link, if there is one. Requires: its JSON is at most
  // engine::kControlSizeMax bytes.
  virtual void TellNode(std::string_view node_id, const engine::ControlMessage& message) = 0;

  // The loops on which lanes can be joined, from 0.
  virtual uint32_t loop_count() const = 0;

  // AddLane lets a lane be joined on a loop. True: exactly one Broker::LaneEnded follows, and a
  // LaneJoined before it if both sides came. False: the loop takes no tasks.
  [[nodiscard]] virtual bool AddLane(uint32_t loop, const LaneGrant& grant) = 0;

  // EndLanes ends all lanes of a session: those that wait at once, and what is joined within a
  // second. An unknown id is no error.
  virtual void EndLanes(std::string_view session_id, std::string_view reason) = 0;

  // RefuseReturns refuses the lanes that wait for a node which was told of them on that link alone:
  // it may not have heard, and who goes on asks again.
  virtual void RefuseReturns(uint64_t link_serial) = 0;

  // CutLanes cuts the connection that is lost, joined or not, or else what is joined of its
  // session. An unknown one is no error. Requires: the session is the node's who says so.
  virtual void CutLanes(const engine::LanesLost& lost, std::string_view reason) = 0;
};

}  // namespace relay
