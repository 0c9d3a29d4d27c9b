#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client/sealed_proof.h"

namespace client {

// LaneTicket lets one connection in at the relay.
struct LaneTicket {
  std::string token;   // Works once, for a short time; never printed.
  uint32_t loop = 0;   // Which of the relay's loops has the session: a hint.
  uint64_t epoch = 0;  // Of AskToRejoin: how often the session's lanes came again.
};

// StartedSession is what StartSession answers.
struct StartedSession {
  std::string id;
  LaneTicket ticket;      // Over a link: for the hello. Else for the join of the first lane.
  std::string node_id;    // Which node it is on; empty from an older relay, as the name.
  std::string node_name;  // Empty: it has none.
  std::optional<SealedAnswer> sealed;  // Nothing: the session is inspected.
  std::string rejoin_key;              // What lets its lanes come again; empty: they cannot.
  // Of an inspected session over a lane: 64 hexadecimal digits; empty: over a link.
  std::string resume_secret;
  std::chrono::seconds duration_max{};  // The longest that it may last; zero: not said.
};

}  // namespace client
