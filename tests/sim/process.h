// One program of the world: a loop of its own, what runs on it, and how it ends.
//
//     running --AskToStop--> stopping --> over
//        |  ^ stopped by a signal for a while: nothing runs, the kernel goes on for it
//        +--Kill--> dead: to all others it is gone, and its objects are let go as after failures

#pragma once

#include <memory>

#include "engine/base/time.h"
#include "engine/net/loop_driver.h"
#include "engine/sim/sim_loop.h"

namespace sim {

// Machines of the world.
enum Machine : size_t { kOperator = 1, kRelayHost = 2, kNodeHost = 3 };

class Process {
 public:
  static constexpr uint32_t kBlockSize = 32 * 1024;

  Process(engine::sim::SimWorld& world, Machine machine, uint16_t block_count);
  // Requires: over(). Nothing may be left: no op, no block, no descriptor.
  virtual ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // NextAt is when Step has something to do.
  virtual engine::Instant NextAt() const;
  void Step();

  // AskToStop is SIGTERM, or the user's Ctrl-C; over() follows.
  void AskToStop();
  void Kill(engine::sim::SimNetwork::Death death);
  // Pause is SIGSTOP, until a SIGCONT at that time.
  void Pause(engine::Instant until) { paused_until_ = until; }
  // RunDry: until then there is no descriptor for what is new.
  void RunDry(engine::Instant until) { dry_until_ = until; }
  virtual bool over() const = 0;

  bool is_leaving() const { return is_stopping_ || is_dead_; }
  bool is_dead() const { return is_dead_; }
  bool is_paused() const { return paused_until_ > loop().Now(); }
  Machine machine() const { return machine_; }

  engine::sim::SimLoop& loop() { return loop_; }
  const engine::sim::SimLoop& loop() const { return loop_; }
  engine::LoopDriver& driver() { return driver_; }

 protected:
  // Iterate runs the loop once, and AfterIteration.
  virtual void Iterate();
  // AfterIteration is what a program does between two iterations of its loop.
  virtual void AfterIteration() {}
  virtual void Stop() = 0;
  // LetGo ends everything at once; nobody hears of it.
  virtual void LetGo() = 0;
  const engine::Instant& world_now() const { return world_now_; }

 private:
  const Machine machine_;
  const engine::Instant& world_now_;
  const uint16_t block_count_;
  engine::LoopDriver driver_;
  engine::sim::SimLoop& loop_;
  const engine::Resolver& resolver_;
  engine::Instant paused_until_{};
  engine::Instant dry_until_{};
  bool is_stopping_ = false;
  bool is_dead_ = false;
};

}  // namespace sim
