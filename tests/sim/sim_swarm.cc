// Goal: relay, agent and client keep their promises whatever the network does, and sessions
// whatever becomes of connections and processes. Method: many seeds, each a world with its own set
// of troubles.
//
//     sim_swarm [--world links|sessions] [--seeds N] [--first S] [--trace] [--all] [--quiet]
//               [--until-failure]
//
// With --all it fails, too, when a trouble never came or a rule never had anything to judge. With
// --quiet it says nothing of a seed that holds.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/sim/log_watch.h"
#include "tests/sim/relay_world.h"
#include "tests/sim/seed_run.h"
#include "tests/sim/session_world.h"

namespace {

sim::SeedOutcome PlayLinks(const sim::SeedPlay& play) {
  sim::LogWatch watch(play.log, play.trace);
  const sim::WorldResult result = sim::RunWorld(play.seed, watch);
  return {.problem = result.problem,
          .counts = {.whole = result.streams_whole,
                     .broken = result.streams_ended,
                     .bytes = result.echoed_bytes,
                     .resumed = 0,
                     .seconds = 0}};
}

sim::SeedOutcome PlaySessions(const sim::SeedPlay& play) {
  sim::LogWatch watch(play.log, play.trace);
  // One that failed stays as it is: what is in flight must not be destroyed.
  auto* world = new sim::SessionWorld(sim::WorldPlan::FromSeed(play.seed), play.folder, watch);
  const sim::SessionResult result = world->Run();
  if (result.problem.empty()) delete world;
  return {.problem = result.problem,
          .counts = {.whole = result.whole,
                     .broken = result.broken,
                     .bytes = result.bytes,
                     .resumed = result.resumed,
                     .seconds = result.seconds,
                     .troubles = result.troubles,
                     .applied = result.applied}};
}

unsigned long long Number(uint64_t number) { return number; }

// PrintCounts says how often each trouble came and each rule was applied. False: one never was.
bool PrintCounts(const sim::SeedCounts& counts) {
  bool is_all = true;
  const auto print = [&is_all](const std::string& name, uint64_t count) {
    std::printf(" %s %llu%s", name.c_str(), Number(count), count == 0 ? " (NEVER)" : "");
    is_all = is_all && count > 0;
  };
  std::printf("troubles:");
  for (size_t i = 0; i < sim::kTroubleCount; ++i) {
    print(sim::NameOf(static_cast<sim::Trouble>(i)), counts.troubles[i]);
  }
  std::printf("\nrules:");
  for (size_t i = 0; i < sim::kRuleCount; ++i) {
    print(sim::NameOf(static_cast<sim::Rule>(i)) + ":", counts.applied[i]);
  }
  std::printf("\n");
  return is_all;
}

}  // namespace

int main(int argc, char** argv) {
  sim::SeedPlay play;
  if (sim::ReadSeedPlay(argc, argv, play)) {
    sim::Leave(play, play.world == "sessions" ? PlaySessions(play) : PlayLinks(play));
  }
  uint64_t seeds = 20;
  uint64_t first = 1;
  bool has_trace = false;
  bool wants_all = false;
  bool is_quiet = false;
  bool is_until_failure = false;
  std::string world = "links";
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--trace") has_trace = true;
    if (name == "--all") wants_all = true;
    if (name == "--quiet") is_quiet = true;
    if (name == "--until-failure") is_until_failure = true;
    if (i + 1 >= argc) break;
    if (name == "--seeds") seeds = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--first") first = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--world") world = argv[i + 1];
  }
  uint64_t failed = 0;
  sim::SeedCounts sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    if (!is_quiet) std::fprintf(stderr, "\rseed %llu ", Number(seed));
    const sim::SeedOutcome outcome = sim::RunSeed(world, seed, has_trace);
    sum.Add(outcome.counts);
    if (outcome.problem.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s\n  again: %s --world %s --seeds 1 --first %llu --trace\n",
                Number(seed), outcome.problem.c_str(), argv[0], world.c_str(), Number(seed));
    std::fflush(stdout);
    if (is_until_failure) break;
  }
  std::printf(
      "%llu seeds, %llu failed; %llu connections whole, %llu broken, %llu bytes, %llu lanes went "
      "on, %llu s\n",
      Number(seeds), Number(failed), Number(sum.whole), Number(sum.broken), Number(sum.bytes),
      Number(sum.resumed), Number(sum.seconds));
  if (world != "sessions") return failed == 0 ? 0 : 1;
  const bool is_all = PrintCounts(sum);
  return failed == 0 && (is_all || !wants_all) ? 0 : 1;
}
