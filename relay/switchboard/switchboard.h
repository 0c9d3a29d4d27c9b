// Everything that hangs on one loop of the relay: connections and what they turned out to be, the
// nodes that are connected here, the sessions and the lanes that may be joined here.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/mux/intrusive_list.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/frame.h"
#include "relay/broker/data_plane.h"
#include "relay/switchboard/greeter.h"
#include "relay/switchboard/lane_table.h"
#include "relay/switchboard/role.h"

namespace engine {
class TlsContext;
}

namespace relay {

class AgentRole;
class ClientRole;
class ControlPort;
class GatewayDesk;
class OriginalDesk;

// JoinOutcome is a grant, or why there is none.
struct JoinOutcome {
  engine::CloseCode code = engine::CloseCode::kNormal;
  std::string text;
  SessionGrant grant;
  engine::Instant end_at;  // When the session is over at the latest.
};

class Switchboard {
 public:
  struct Options {
    uint32_t index = 0;
    // Connections of this loop, and those of them that have not proven who they are. For what
    // comes beyond either, the oldest stranger has to go, so that those who prove nothing keep
    // nobody out, however many nodes are here. A quiet link of a node costs some 5 KiB.
    size_t connections_max = 100'000;
    size_t strangers_max = 20'000;
    // How many handshakes are under way, of all loops together.
    std::shared_ptr<std::atomic<size_t>> handshakes = std::make_shared<std::atomic<size_t>>(0);
    // Beyond so many, those who come wait: what all cores do in about a quarter of a second.
    size_t handshakes_max = 256;
    // Where a session that is not here may be joined; called from the loop's thread.
    std::function<std::optional<uint32_t>(const std::string& session_id)> locate;
    // Runs a task on another loop's thread, in order; called from the loop's thread.
    std::function<void(uint32_t loop, std::function<void(Switchboard&)> task)> post;
  };

  // `control` and `tls` are shared with other loops and outlive all of them.
  Switchboard(const Options& options, engine::LoopDriver& driver, const engine::TlsContext& tls,
              ControlPort& control);
  ~Switchboard();  // Requires: stopped().
  Switchboard(const Switchboard&) = delete;
  Switchboard& operator=(const Switchboard&) = delete;

  // Listen accepts on `listener` until Stop. `place` decides, on this loop's thread, which loop
  // takes each socket: this one by Adopt, or another by AdoptCopy.
  void Listen(engine::Socket listener, std::function<void(Greeting)> place);

  // Adopt takes a socket that was accepted, with the bytes that were read from it.
  void Adopt(engine::Socket socket, engine::BufferRef first_bytes);

  // AdoptCopy is Adopt for a socket from another loop's thread. CountHandshake counts one that is
  // on its way there as under way, until the last copy of what it returns is gone.
  void AdoptCopy(int descriptor, std::string_view first_bytes);
  std::shared_ptr<void> CountHandshake();

  // Prepare lets the session be joined here; End ends it, joined or not.
  void Prepare(const SessionGrant& grant);
  void End(const std::string& session_id, std::string_view reason);

  // RenewToken puts another token in the place of the session's: it lets an AWS client come back.
  void RenewToken(const std::string& session_id, const engine::crypto::Sha256Digest& token_sha256);

  // AddLane, EndLanes, RefuseReturns, CutLanes and TellNode are what DataPlane says of them, on
  // this loop.
  void AddLane(const LaneGrant& grant) { lanes_.Add(grant); }
  void EndLanes(const std::string& session_id, std::string_view reason) {
    lanes_.EndSession(session_id, reason);
  }
  void RefuseReturns(uint64_t link_serial) { lanes_.RefuseReturns(link_serial); }
  void CutLanes(const engine::LanesLost& lost, std::string_view reason) {
    lanes_.CutLost(lost, reason);
  }
  void TellNode(const std::string& node_id, const engine::ControlMessage& message);

  // DismissLink closes the link of that serial, if it is here, admitted or not.
  void DismissLink(uint64_t link_serial, engine::CloseCode code, std::string_view why);

  // Stop lets every link say goodbye; the loop may end when stopped() is true, at the latest
  // `grace` later. What carries nothing that could end by itself is closed after kIdleGrace, since
  // its peer may never read the goodbye; and so are lanes, whose sessions outlive the relay.
  static constexpr engine::Duration kIdleGrace = std::chrono::milliseconds(700);
  void Stop(engine::Duration grace);
  bool stopped() const;

  size_t connection_count() const { return visitors_.size() + 2 * lanes_.joined_count(); }

  // For roles.
  uint32_t index() const { return options_.index; }
  engine::Loop& loop() { return driver_.loop(); }
  ControlPort& control() { return control_; }
  uint64_t NextLinkSerial() { return uint64_t{options_.index} << 48 | ++last_link_serial_; }
  uint32_t NextStreamSerial() { return ++last_stream_serial_; }
  void LinkCame(AgentRole& agent);
  void LinkGone(AgentRole& agent);
  void NodeAdmitted(AgentRole& agent);
  void NodeLeft(AgentRole& agent);
  AgentRole* FindAgent(const std::string& node_id);
  JoinOutcome Join(ClientRole& client, const std::string& session_id, std::string_view token);
  void SessionLeft(ClientRole& client, const std::string& session_id);
  // TakeUp is Join for a session that has no link: its messages pass as they are. False: it was
  // joined. PutDown forgets it.
  bool TakeUp(const std::string& session_id);
  void PutDown(const std::string& session_id) { sessions_.erase(session_id); }
  // CountLeg adds what TLS counted of a connection that is over, and that was one of the two of a
  // lane without laying its TLS aside; a call before the join is in it. The sums are logged at the
  // end.
  void CountLeg(const engine::TlsCounts& counts);
  LaneTable& lanes() { return lanes_; }
  GatewayDesk& gateway() { return *gateway_; }
  OriginalDesk& originals() { return *originals_; }
  const SessionGrant* FindGrant(const std::string& session_id) const;
  std::optional<uint32_t> Locate(const std::string& session_id) const {
    return options_.locate(session_id);
  }
  // Post runs a task on a loop: at once on this one, by letter on another, in order.
  void Post(uint32_t loop, std::function<void(Switchboard&)> task);

 private:
  class Visitor;
  class Strangers;
  struct Session {
    SessionGrant grant;
    engine::Instant end_at;
    bool is_joined = false;
    ClientRole* client = nullptr;  // Joined by a link.
  };

  std::unique_ptr<Role> MakeRole(engine::SecureConnection& connection);
  void MakeRoom(Visitor& newest);
  void NoStranger(Visitor& visitor);
  void Left(Visitor& visitor);
  void StopIfDone();
  void OnGraceOver(engine::Fired outcome);

  const Options options_;
  engine::LoopDriver& driver_;
  const engine::TlsContext& tls_;
  ControlPort& control_;
  absl::flat_hash_map<Visitor*, std::unique_ptr<Visitor>> visitors_;
  // In the order of their arrival, and perhaps some that are known by now.
  std::unique_ptr<Strangers> strangers_;
  LaneTable lanes_;
  absl::flat_hash_map<uint64_t, AgentRole*> links_;      // Of nodes, by serial.
  absl::flat_hash_map<std::string, AgentRole*> agents_;  // Those that were admitted.
  absl::flat_hash_map<std::string, Session> sessions_;
  std::unique_ptr<GatewayDesk> gateway_;
  std::unique_ptr<OriginalDesk> originals_;
  engine::TlsCounts leg_counts_;
  uint64_t last_link_serial_ = 0;
  uint32_t last_stream_serial_ = 0;
  bool stopping_ = false;
  std::unique_ptr<Greeter> greeter_;
  engine::TimerOp grace_op_;
  engine::Instant grace_end_;
};

}  // namespace relay
