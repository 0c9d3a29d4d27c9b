// The clocks that people set, one on each machine of the world. The product asks engine::UnixNow
// and UnixNowMs, which the linker leads here (--wrap): they answer for the machine whose process
// runs. PassedMs, as well, is the world's time, whatever was set.

#pragma once

#include <cstdint>

#include "engine/base/time.h"
#include "tests/sim/process.h"

namespace sim {

class MachineClock {
 public:
  // Begin starts the clocks of a world, all right; `now` is its time, and outlives their use.
  static void Begin(const engine::Instant& now);

  // Enter says whose code runs from here on.
  static void Enter(Machine machine);

  // Set sets a machine's clock so far ahead, or back, of the world's time.
  static void Set(Machine machine, engine::Duration ahead);

  static bool IsRight(Machine machine);
};

}  // namespace sim
