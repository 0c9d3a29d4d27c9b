// What one seed decides before a world begins. Each kind of disturbance is off in about half of the
// worlds, so that some meet one alone (engine/sim/faults.h).

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/time.h"
#include "engine/sim/faults.h"
#include "tests/sim/program_plan.h"

namespace sim {

enum class Trouble : uint8_t {
  kReset,         // A connection breaks.
  kHalfOpen,      // A connection swallows what is sent, both ways, and nobody is told.
  kCut,           // A way between two machines is cut for a while.
  kRelayKilled,   // The relay is killed, and comes back with its store.
  kRelayStopped,  // It is stopped in order, and comes back.
  kPause,         // A process is stopped by a signal, and goes on later.
  kSlowDesk,      // The relay waits for its disk.
  kNoBlocks,      // A process has hardly any memory for a while.
  kReplay,        // Somebody sends again what a client has sent.
  kClock,         // A machine's clock is set hours ahead, or back to 1970, for a while.
  kFullDisk,      // The relay's disk is full for a while.
  kNoSockets,     // Relay or client have no descriptor left for a while.
  kBusyDesk,      // The relay's queues are full with little in them, for a while.
  kStall,         // One connection carries nothing for some seconds, which ends nothing.
  kLateBytes,     // What somebody says who comes again arrives when he has come once more.
  // Those that may end sessions:
  kAgentKilled,
  kAgentStopped,
  kClientKilled,
  kWithdrawal,  // What the session was allowed by is taken away.
  // Those that want too much, once in a world:
  kManyLanes,  // Somebody asks for more lanes of a session than it may have.
  kCrowd,      // Somebody asks for more sessions than the node may have.
};
inline constexpr size_t kTroubleCount = 21;
std::string NameOf(Trouble trouble);
using TroubleCounts = std::array<uint64_t, kTroubleCount>;

inline constexpr size_t kSeatsMax = 2;

struct WorldPlan {
  static WorldPlan FromSeed(uint64_t seed);

  bool has(Trouble trouble) const { return troubles[static_cast<size_t>(trouble)]; }

  uint64_t seed = 0;
  engine::sim::Faults faults;
  std::array<bool, kTroubleCount> troubles{};
  engine::Duration trouble_pause_max{};  // Between two of them.
  engine::Duration trouble_lasts{};      // From the beginning; then all is calm.
  bool is_sealed = true;
  size_t lanes = 1;  // At most.
  size_t seats = 1;  // Of clients, side by side.
  // What each session of a seat runs; nothing: it is a forward.
  std::array<std::optional<ProgramKind>, kSeatsMax> programs;
  bool is_greedy = false;  // The second one asks for more streams than there may be.
  size_t resume_bytes_max = 0;
  uint16_t blocks = 0;  // Of each program's pool.
  size_t flow_count = 0;
};

}  // namespace sim
