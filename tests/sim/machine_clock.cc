#include "tests/sim/machine_clock.h"

#include <array>

#include "tests/sim/world_keys.h"

namespace sim {
namespace {

const engine::Instant* world_now = nullptr;
Machine running = kOperator;
std::array<engine::Duration, engine::sim::SimNetwork::kMachinesMax> ahead_of_time{};

int64_t ToMs(engine::Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

engine::Duration Passed() {
  return world_now == nullptr ? engine::Duration::zero() : *world_now - engine::Instant{};
}

int64_t NowMs() { return kWorldStartMs + ToMs(ahead_of_time[running] + Passed()); }

}  // namespace

void MachineClock::Begin(const engine::Instant& now) { world_now = &now; }

void MachineClock::Enter(Machine machine) { running = machine; }

void MachineClock::Set(Machine machine, engine::Duration ahead) { ahead_of_time[machine] = ahead; }

bool MachineClock::IsRight(Machine machine) {
  return ahead_of_time[machine] == engine::Duration::zero();
}

}  // namespace sim

extern "C" {

// engine::UnixNow, engine::UnixNowMs and engine::PassedMs.
int64_t __wrap__ZN6engine7UnixNowEv() { return sim::NowMs() / 1000; }  // NOLINT: the linker's name.
int64_t __wrap__ZN6engine9UnixNowMsEv() { return sim::NowMs(); }       // NOLINT
int64_t __wrap__ZN6engine8PassedMsEv() { return sim::ToMs(sim::Passed()); }  // NOLINT

}  // extern "C"
