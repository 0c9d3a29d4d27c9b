// A seat of the operator's, where his commands run, one after the other, each with a session of its
// own. In some worlds there are two, side by side on the same node: what of one session comes out
// of the other is seen, and what ends the one does not touch the other.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "engine/sim/sim_network.h"
#include "tests/sim/client_process.h"
#include "tests/sim/end_reasons.h"
#include "tests/sim/programs.h"
#include "tests/sim/shell_client.h"
#include "tests/sim/witness.h"
#include "tests/sim/world_plan.h"

namespace sim {

class ClientSeat {
 public:
  // All of them outlive it.
  ClientSeat(size_t index, const WorldPlan& plan, Witness& witness, EndReasons& ends)
      : index_(index), plan_(plan), witness_(witness), ends_(ends), session_(index) {}

  // Start makes the next command, whose process is the caller's. Requires: none is there.
  std::unique_ptr<SessionClient> Start(engine::sim::SimWorld& world);
  // Who is there; null: the next one may start at start_at().
  SessionClient* client() const { return client_; }
  engine::Instant start_at() const { return start_at_; }
  bool takes_flows() const { return client_ != nullptr && client_->is_ready(); }

  // Look is for after every step. It ends who is over by itself; `is_calm`: what it says arrives.
  void Look(engine::Instant now, bool is_calm);
  // Carry begins one more connection, or the program.
  void Carry(FlowPlan flow, Programs& programs, engine::sim::SimNetwork& network);
  void Kill(engine::Instant now, engine::Instant start_at);
  void Leave();

  // MayEnd says that something happened that may end its sessions.
  void MayEnd(engine::Instant now) { may_end_since_ = std::min(may_end_since_, now); }
  bool may_end() const { return may_end_since_ != engine::Instant::max(); }
  engine::Instant may_end_since() const { return may_end_since_; }
  // Disturbed says that what was done to this seat alone is felt there until then.
  void Disturbed(engine::Instant until) { quiet_since_ = std::max(quiet_since_, until); }
  engine::Instant quiet_since() const { return quiet_since_; }
  // Whose connection it is. Requires: a plan that came from Carry.
  bool Has(const FlowPlan& flow) const { return flow.session % kSeatsMax == index_; }
  bool HasSession(const std::string& id) const;
  // Outlived: its session had begun when something happened, which was before that time.
  bool Outlived(const FlowPlan& flow, engine::Instant happened, engine::Instant before) const;
  // IsAt: at the node, a connection of that session came out where it may.
  bool IsAt(const FlowPlan& flow, const std::string& place) const;
  // IsForsaken: its client is gone, and its node does not hear of it until it is idle for long.
  bool IsForsaken(const FlowPlan& flow) const { return forsaken_.contains(flow.session); }
  bool has_forsaken() const { return !forsaken_.empty(); }

 private:
  struct Begun {
    std::string id;
    engine::Instant at{};
  };

  void End(engine::Instant now, bool is_calm);
  void Forsake();

  const size_t index_;
  const WorldPlan& plan_;
  Witness& witness_;
  EndReasons& ends_;
  SessionClient* client_ = nullptr;
  ShellClient* shell_ = nullptr;  // The client, where programs run.
  engine::Instant start_at_{};
  uint64_t session_;                 // The newest client's number: no other seat has it.
  std::map<uint64_t, Begun> begun_;  // The sessions.
  std::set<uint64_t> forsaken_;
  engine::Instant may_end_since_ = engine::Instant::max();
  engine::Instant quiet_since_{};
};

}  // namespace sim
