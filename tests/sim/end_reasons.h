// Why sessions and their streams ended, as nodes say it and the relay keeps it, held against what
// the world had done to them. It is judged when all is over: until then a client may be about to
// leave.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/wire/control.h"
#include "relay/store/store.h"
#include "tests/sim/byte_flow.h"
#include "tests/sim/witness.h"

namespace sim {

class EndReasons {
 public:
  // What a session ends by.
  enum Cause : uint32_t {
    kNotBegun = 1,  // Its client never got through.
    kLeft = 2,      // Its client ended it ...
    kLost = 4,      // ... or is gone without a word.
    kAgentStopped = 8,
    kAgentKilled = 16,
    kRelayEnded = 32,
    kWithdrawn = 64,
    kLeftInMidst = 128,  // Its client ended it, and streams that ran.
  };

  explicit EndReasons(Witness& witness) : witness_(witness) {}

  // Begun: the client has that session, and its connections carry that number.
  void Begun(const std::string& session_id, uint64_t number) { numbers_[session_id] = number; }
  // Happened is for one session, or for all that there are and will be.
  void Happened(Cause cause, const std::string& session_id) { of_session_[session_id] |= cause; }
  void Happened(Cause cause) { of_all_ |= cause; }
  bool has_happened(Cause cause) const { return (of_all_ & cause) != 0; }
  // NodeSaid is what came to the relay.
  void NodeSaid(const engine::ControlMessage& message);

  // Wanted is a connection that a program has asked for.
  void Wanted(const FlowPlan& flow);

  // Check is for the end: `records` are the audit's, one on a line.
  void Check(relay::Store& store, const std::string& records);

 private:
  struct Said {
    std::string reason;
    uint32_t of_all = 0;  // When it was said.
  };
  struct Closed {
    engine::StreamNews news;
    uint32_t causes = 0;  // When it was said.
  };
  // What is against a reason; empty: nothing.
  std::string Against(const std::string& session_id, const Said& said) const;
  uint32_t OwnCauses(const std::string& session_id) const;
  void CheckRecords(relay::Store& store, const std::string& records);
  void CheckStream(const Closed& closed);

  Witness& witness_;
  std::map<std::string, uint64_t> numbers_;
  std::map<std::string, uint32_t> of_session_;
  uint32_t of_all_ = 0;
  std::map<std::string, Said> said_;  // By the node, first, for each session.
  std::vector<Closed> closed_;
  std::set<std::tuple<uint64_t, uint64_t, uint64_t>> carried_;  // Number, bytes to and from nodes.
};

}  // namespace sim
