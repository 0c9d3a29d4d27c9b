// What the loops tell and ask the control thread. Calls return at once; answers come back as tasks
// on the loop that asked.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/crypto/digest.h"
#include "engine/http/http_message.h"
#include "engine/wire/control.h"
#include "relay/broker/data_plane.h"

namespace relay {

// NodeArrival is an agent's link that proved its identity and said hello.
struct NodeArrival {
  std::string node_id;
  std::string name;
  std::string platform;
  std::string software;
  std::string source_address;
  uint32_t loop_index = 0;
  uint64_t link_serial = 0;    // Unique in the process: tells a new link from the one it replaces.
  bool is_sealing = false;     // It named the feature engine::kFeatureSealed ...
  bool is_encrypting = false;  // ... and engine::kFeatureEncrypted ...
  bool is_laning = false;      // ... and engine::kFeatureInspectedLanes.
};

// RenewalWish is a node's request for another certificate.
struct RenewalWish {
  std::string node_id;
  // Of the key by which its link has proven itself: the request has to be for the same one.
  engine::crypto::Sha256Digest key_sha256{};
  std::string request_pem;
};

// StreamReport names one stream of a session, for the audit trail.
struct StreamReport {
  std::string session_id;
  uint32_t stream_serial = 0;  // Unique within its loop.
};

// RefusedJoin is for the audit trail.
struct RefusedJoin {
  std::string_view event;  // Static: "OpenDataChannel", of AWS clients, "JoinSession", "JoinLane".
  std::string session_id;  // As it was said; it may be any text, or none.
  std::string source_address;
  std::string text;  // What the other side was told.
};

// CallOrigin is where a request came from.
struct CallOrigin {
  uint32_t loop_index = 0;
  std::string source_address;
  bool can_join = false;  // Its connection may become the first lane of the session it starts.
};

class ControlPort {
 public:
  virtual ~ControlPort() = default;

  virtual void HandleRequest(CallOrigin origin, engine::HttpRequest request,
                             std::function<void(engine::HttpResponse)> reply) = 0;

  // `admitted` gets an error when the node is not registered (any more).
  virtual void NodeConnected(NodeArrival arrival, std::function<void(absl::Status)> admitted) = 0;
  virtual void NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) = 0;
  virtual void RenewCertificate(uint32_t loop_index, RenewalWish wish,
                                std::function<void(absl::StatusOr<std::string>)> reply) = 0;

  // NodeSaid passes on what an agent says of sealed sessions: session-answer, session-over,
  // stream-news; and data-key-request. NewsMissed counts the news that came faster than they can be
  // recorded.
  virtual void NodeSaid(std::string node_id, engine::ControlMessage message) = 0;
  virtual void NewsMissed(std::string node_id, uint64_t count) = 0;

  // Of each lane that DataPlane::AddLane made, exactly one LaneEnded.
  virtual void LaneJoined(LaneId lane, std::string source_address) = 0;
  virtual void LaneEnded(LaneId lane, LaneEnd end) = 0;

  virtual void SessionJoined(std::string session_id, std::string source_address) = 0;
  // SessionLost: the session's client lost its connection, and may come back.
  virtual void SessionLost(std::string session_id) = 0;
  // SessionResumed: the session's client came back on another connection.
  virtual void SessionResumed(std::string session_id, std::string source_address) = 0;
  // JoinRefused is somebody who came for a session and showed no token that opens it.
  virtual void JoinRefused(RefusedJoin refused) = 0;
  virtual void SessionEnded(std::string session_id, std::string reason, uint64_t to_node_bytes,
                            uint64_t to_client_bytes) = 0;
  // IsBehind is true while so many reports wait that no stream may be opened: each one's record has
  // to be written.
  virtual bool IsBehind() const = 0;
  // `what` as Describe(SessionPlan) says it.
  virtual void StreamOpened(StreamReport report, std::string what) = 0;
  virtual void StreamClosed(StreamReport report, StreamEnd end) = 0;
};

}  // namespace relay
