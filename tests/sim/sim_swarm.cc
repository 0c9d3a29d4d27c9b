// Goal: relay, agent and client keep their promises whatever the network does, and sessions
// whatever becomes of connections and processes. Method: many seeds, each a world with its own set
// of troubles.
//
//     sim_swarm [--world links|sessions] [--seeds N] [--first S] [--trace]

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/base/log.h"
#include "tests/sim/relay_world.h"
#include "tests/sim/seed_run.h"
#include "tests/sim/session_world.h"

namespace {

sim::SeedOutcome PlayLinks(uint64_t seed) {
  engine::log::SetLevel(engine::log::Level::kError);  // Faults are what this is about.
  const sim::WorldResult result = sim::RunWorld(seed);
  return {.problem = result.problem,
          .counts = {.whole = result.streams_whole,
                     .broken = result.streams_ended,
                     .bytes = result.echoed_bytes,
                     .resumed = 0,
                     .troubles = result.redials,
                     .seconds = 0}};
}

sim::SeedOutcome PlaySessions(const sim::SeedPlay& play) {
  sim::LogWatch watch(play.log, play.trace);
  // One that failed stays as it is: what is in flight must not be destroyed.
  auto* world = new sim::SessionWorld(sim::WorldPlan::FromSeed(play.seed), watch);
  const sim::SessionResult result = world->Run();
  if (result.problem.empty()) delete world;
  return {.problem = result.problem,
          .counts = {.whole = result.whole,
                     .broken = result.broken,
                     .bytes = result.bytes,
                     .resumed = result.resumed,
                     .troubles = result.troubles,
                     .seconds = result.seconds}};
}

}  // namespace

int main(int argc, char** argv) {
  sim::SeedPlay play;
  if (sim::ReadSeedPlay(argc, argv, play)) {
    sim::Leave(play, play.world == "sessions" ? PlaySessions(play) : PlayLinks(play.seed));
  }
  uint64_t seeds = 20;
  uint64_t first = 1;
  bool has_trace = false;
  std::string world = "links";
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--trace") has_trace = true;
    if (i + 1 >= argc) break;
    if (name == "--seeds") seeds = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--first") first = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--world") world = argv[i + 1];
  }
  uint64_t failed = 0;
  sim::SeedCounts sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    std::fprintf(stderr, "\rseed %llu ", static_cast<unsigned long long>(seed));
    const sim::SeedOutcome outcome = sim::RunSeed(world, seed, has_trace);
    sum.whole += outcome.counts.whole;
    sum.broken += outcome.counts.broken;
    sum.bytes += outcome.counts.bytes;
    sum.resumed += outcome.counts.resumed;
    sum.troubles += outcome.counts.troubles;
    sum.seconds += outcome.counts.seconds;
    if (outcome.problem.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s\n  again: sim_swarm --world %s --seeds 1 --first %llu --trace\n",
                static_cast<unsigned long long>(seed), outcome.problem.c_str(), world.c_str(),
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);
  }
  std::printf(
      "%llu seeds, %llu failed; %llu connections whole, %llu broken, %llu bytes, %llu lanes went "
      "on, %llu troubles, %llu s\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed),
      static_cast<unsigned long long>(sum.whole), static_cast<unsigned long long>(sum.broken),
      static_cast<unsigned long long>(sum.bytes), static_cast<unsigned long long>(sum.resumed),
      static_cast<unsigned long long>(sum.troubles), static_cast<unsigned long long>(sum.seconds));
  return failed == 0 ? 0 : 1;
}
