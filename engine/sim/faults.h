#pragma once

#include <cstdint>

#include "engine/base/random.h"
#include "engine/base/time.h"

namespace engine::sim {

// Faults say what the simulated world does to a program. Chances are in percent, each taken anew at
// every step of every op.
struct Faults {
  uint32_t delay = 30;              // An op that could progress waits for another iteration.
  uint32_t short_receive = 30;      // Receive gets some of what is there.
  uint32_t short_send = 30;         // The peer's inbox takes some of what is offered.
  uint32_t cancel_loses = 50;       // A canceled op completes normally if it can.
  uint32_t reset = 0;               // A receive or a send breaks the connection.
  uint32_t refuse = 0;              // A connect is refused although somebody listens.
  uint32_t exhaust = 0;             // An accept finds no free descriptor.
  uint32_t reset_loses_bytes = 50;  // Bytes that were there before a reset are not received.

  // Every connection gets a latency in this range, and all the same bandwidth; 0 is no limit.
  Duration latency_min{};
  Duration latency_max{};
  uint64_t bytes_per_second = 0;

  // Swarm draws a set of faults: each is off in about half of the sets, so that some runs meet one
  // alone (Groce and others, "Swarm testing", 2012). Connections break in some of the sets only.
  static Faults Swarm(uint64_t seed) {
    Random random(seed);
    const auto some = [&random](uint32_t most) -> uint32_t {
      const auto value = static_cast<uint32_t>(random.Range(1, most));
      return random.Chance(50) ? value : 0;
    };
    Faults faults;
    faults.delay = some(70);
    faults.short_receive = some(80);
    faults.short_send = some(80);
    faults.cancel_loses = some(100);
    faults.refuse = some(20);
    faults.exhaust = some(10);
    faults.reset = random.Chance(30) ? 1 : 0;
    faults.latency_max = std::chrono::milliseconds(some(150));
    faults.latency_min = faults.latency_max / 2;
    faults.bytes_per_second = uint64_t{some(100)} * 100'000;
    return faults;
  }

  // SwarmThatLasts is Swarm without what breaks a connection: for what must end well.
  static Faults SwarmThatLasts(uint64_t seed) {
    Faults faults = Swarm(seed);
    faults.reset = faults.refuse = faults.exhaust = 0;
    return faults;
  }
};

}  // namespace engine::sim
