#include "tests/sim/machine_clock.h"

#include <array>

#include "tests/sim/world_keys.h"

namespace sim {
namespace {

const engine::Instant* world_now = nullptr;
Machine running = kOperator;
std::array<engine::Duration, engine::sim::SimNetwork::kMachinesMax> ahead_of_time{};

int64_t NowMs() {
  engine::Duration since = ahead_of_time[running];
  if (world_now != nullptr) since += *world_now - engine::Instant{};
  return kWorldStartMs + std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

void MachineClock::Begin(const engine::Instant& now) { world_now = &now; }

void MachineClock::Enter(Machine machine) { running = machine; }

void MachineClock::Set(Machine machine, engine::Duration ahead) { ahead_of_time[machine] = ahead; }

bool MachineClock::IsRight(Machine machine) {
  return ahead_of_time[machine] == engine::Duration::zero();
}

}  // namespace sim

extern "C" {

// engine::UnixNow and engine::UnixNowMs.
int64_t __wrap__ZN6engine7UnixNowEv() { return sim::NowMs() / 1000; }  // NOLINT: the linker's name.
int64_t __wrap__ZN6engine9UnixNowMsEv() { return sim::NowMs(); }       // NOLINT

}  // extern "C"
