// One seed in a process of its own, which is made anew for each: whatever a seed does, the swarm
// goes on, and the same seed is the same run. Addresses are not randomized there, and what the
// kernel and the processor have of randomness comes from the seed (steady_random.h).

#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/witness.h"
#include "tests/sim/world_plan.h"

namespace sim {

// SeedCounts is what a world counted, for people.
struct SeedCounts {
  uint64_t whole = 0;
  uint64_t broken = 0;
  uint64_t bytes = 0;
  uint64_t resumed = 0;
  uint64_t seconds = 0;  // Of its time.
  TroubleCounts troubles{};
  RuleCounts applied{};

  void Add(const SeedCounts& more);
};

struct SeedOutcome {
  std::string problem;  // Empty: every promise held.
  SeedCounts counts;
};

// SeedPlay is what the process of a seed is told.
struct SeedPlay {
  std::string world;
  uint64_t seed = 0;
  int log = -1;        // A file, to which stderr goes.
  int result = -1;     // A file for the outcome.
  std::string folder;  // An empty one.
  int trace = -1;      // Where to copy stderr to, with the world's time; -1: nowhere.
};

// A seed that takes longer than this of a processor's time, or ten times of everybody's, hangs.
inline constexpr unsigned kSeedSecondsMax = 100;

// RunSeed starts this program again, with the arguments of a SeedPlay, and waits for it.
SeedOutcome RunSeed(const std::string& world, uint64_t seed, bool has_trace);

// ReadSeedPlay is true in a process that RunSeed has started.
bool ReadSeedPlay(int argc, char** argv, SeedPlay& play);

// Leave writes the outcome and ends the process: a world that failed cannot be taken down.
[[noreturn]] void Leave(const SeedPlay& play, const SeedOutcome& outcome);

}  // namespace sim
