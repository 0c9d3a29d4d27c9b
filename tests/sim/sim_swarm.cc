// Goal: relay, agent and client keep their promises whatever the network does.
// Method: many seeds, each a world with its own set of faults. `sim_swarm --seeds N [--first S]`.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/base/log.h"
#include "tests/sim/relay_world.h"

int main(int argc, char** argv) {
  engine::log::SetLevel(engine::log::Level::kError);  // Faults are what this is about.
  uint64_t seeds = 20;
  uint64_t first = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--seeds") seeds = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--first") first = std::strtoull(argv[i + 1], nullptr, 10);
  }
  uint64_t failed = 0, whole = 0, ended = 0, bytes = 0, redials = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    std::fprintf(stderr, "\rseed %llu ", static_cast<unsigned long long>(seed));
    const sim::WorldResult result = sim::RunWorld(seed);
    whole += result.streams_whole;
    ended += result.streams_ended;
    bytes += result.echoed_bytes;
    redials += result.redials;
    if (result.problem.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s\n  again: sim_swarm --seeds 1 --first %llu\n",
                static_cast<unsigned long long>(seed), result.problem.c_str(),
                static_cast<unsigned long long>(seed));
  }
  std::printf(
      "%llu seeds, %llu failed; %llu streams whole, %llu ended early, %llu bytes echoed, "
      "%llu redials\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed),
      static_cast<unsigned long long>(whole), static_cast<unsigned long long>(ended),
      static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(redials));
  return failed == 0 ? 0 : 1;
}
