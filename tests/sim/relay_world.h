// A whole relay with an agent and a client, the real classes, on one simulated loop.

#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/log_watch.h"

namespace sim {

// WorldResult is what one run found. `problem` is empty when every promise held.
struct WorldResult {
  std::string problem;
  uint64_t echoed_bytes = 0;
  uint32_t streams_whole = 0;  // Streams that ended with all their bytes.
  uint32_t streams_ended = 0;  // Streams that ended early, with a reason at the client.
  uint32_t redials = 0;
};

// RunWorld plays one seed: an agent that echoes and dials again when its link breaks; a client that
// opens streams, sends, half-closes and compares; then everything is shut down. It holds that
//   - what comes back is a prefix of what was sent, in order, unchanged;
//   - a stream ends whole, or early with a reason; whole if no connection breaks;
//   - nothing takes longer than the stated deadlines, in virtual time;
//   - at the end no op is in flight and every block is back in the pool.
// The same seed gives the same run, keys included (seed_run.h).
WorldResult RunWorld(uint64_t seed, LogWatch& log);

}  // namespace sim
