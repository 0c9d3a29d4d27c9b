#include "tests/sim/process.h"

#include <algorithm>
#include <utility>

#include "tests/sim/machine_clock.h"

namespace sim {

Process::Process(engine::sim::SimWorld& world, Machine machine, uint16_t block_count)
    : machine_(machine),
      world_now_(world.now),
      block_count_(block_count),
      driver_(std::make_unique<engine::sim::SimLoop>(world, world.network.NewProcess(machine),
                                                     block_count, kBlockSize)),
      loop_(static_cast<engine::sim::SimLoop&>(driver_.loop())),
      resolver_(driver_.resolver()) {
  MachineClock::Enter(machine);
}

Process::~Process() {
  CHECK(loop_.in_flight_count() == 0);
  CHECK(loop_.buffers().free_count() == block_count_);
  CHECK(loop_.network().open_count(loop_.process()) == 0);
}

engine::Instant Process::NextAt() const {
  const bool is_waiting = resolver_.has_answers();
  return std::max(is_waiting ? loop_.Now() : loop_.NextAt(), paused_until_);
}

void Process::Step() {
  MachineClock::Enter(machine_);
  loop_.network().SetDry(loop_.process(), loop_.Now() < dry_until_);
  Iterate();
}

void Process::Iterate() {
  driver_.RunOnce(engine::Duration::zero());
  AfterIteration();
}

void Process::AskToStop() {
  if (is_leaving()) return;
  is_stopping_ = true;
  MachineClock::Enter(machine_);
  Stop();
}

void Process::Kill(engine::sim::SimNetwork::Death death) {
  if (is_dead_) return;
  is_dead_ = true;
  paused_until_ = {};
  MachineClock::Enter(machine_);
  loop_.network().Kill(loop_.process(), death, loop_.Now());
  LetGo();
}

}  // namespace sim
