#include "tests/sim/world_plan.h"

#include "engine/base/random.h"
#include "engine/mux/multiplexer.h"

namespace sim {

std::string NameOf(Trouble trouble) {
  constexpr std::array<const char*, kTroubleCount> kNames = {
      "reset",      "half-open",  "cut",        "relay-killed", "relay-stopped", "pause",
      "slow-desk",  "no-blocks",  "replay",     "clock",        "full-disk",     "no-sockets",
      "busy-desk",  "stall",      "late-bytes", "agent-killed", "agent-stopped", "client-killed",
      "withdrawal", "many-lanes", "crowd"};
  return kNames[static_cast<size_t>(trouble)];
}

WorldPlan WorldPlan::FromSeed(uint64_t seed) {
  engine::Random random(seed * 7919 + 17);
  WorldPlan plan;
  plan.seed = seed;
  // Breaks come from the plan, and not with every step of every op.
  plan.faults = engine::sim::Faults::Swarm(seed);
  plan.faults.reset = 0;
  plan.faults.refuse = random.Chance(30) ? 10 : 0;
  for (size_t i = 0; i <= static_cast<size_t>(Trouble::kWithdrawal); ++i) {
    const bool may_end_sessions = i >= static_cast<size_t>(Trouble::kAgentKilled);
    plan.troubles[i] = random.Chance(may_end_sessions ? 12 : 50);
  }
  const bool is_calm = random.Chance(10);
  plan.trouble_pause_max = std::chrono::milliseconds(random.Range(300, 20'000));
  plan.trouble_lasts = std::chrono::seconds(random.Range(20, 120));
  plan.is_sealed = random.Chance(65);
  plan.lanes = plan.is_sealed ? random.Range(1, 3) : 1;
  if (random.Chance(40)) plan.resume_bytes_max = engine::kResumeBytesMin;
  plan.blocks = static_cast<uint16_t>(random.Range(700, 2048));
  plan.flow_count = random.Range(2, 10);
  for (auto& program : plan.programs) {
    if (random.Chance(40)) program = static_cast<ProgramKind>(random.Range(0, 2));
  }
  if (random.Chance(40)) plan.seats = kSeatsMax;
  // The other one goes on.
  if (plan.seats > 1 && random.Chance(40)) {
    plan.troubles[static_cast<size_t>(Trouble::kClientKilled)] = true;
  }
  plan.is_greedy = plan.seats > 1 && random.Chance(10);
  if (is_calm) {  // Nothing disturbs, and nothing may be lost.
    plan.troubles = {};
    for (const Trouble mild : {Trouble::kReplay, Trouble::kBusyDesk, Trouble::kStall}) {
      plan.troubles[static_cast<size_t>(mild)] = true;
    }
  }
  for (const Trouble greed : {Trouble::kManyLanes, Trouble::kCrowd}) {
    plan.troubles[static_cast<size_t>(greed)] = random.Chance(15);
  }
  return plan;
}

}  // namespace sim
