#pragma once

#include <memory>
#include <vector>

#include "client/lane_loop.h"
#include "engine/net/loop_driver.h"
#include "engine/net/worker_loop.h"
#include "engine/platform/create_loop.h"

namespace client {

// LaneLoops spreads the lanes of each session over loops: the first lane runs where the command
// does, the next ones on threads of their own, which start when they are needed. So what goes over
// the second lane does not wait for the thread that is busy with bulk on the first.
class LaneLoops {
 public:
  // Loops that may be used, the command's among them.
  static constexpr size_t kLoopsMax = LaneSet::kLanesMax;

  // `home` is the loop of the command, and outlives this; workers are made with `options`.
  LaneLoops(engine::LoopDriver& home, engine::LoopOptions options);
  // Only the command's.
  explicit LaneLoops(engine::LoopDriver& home);
  ~LaneLoops();  // Requires: no lane is left.

  engine::LoopDriver& home() { return home_; }

  // ForLane returns the loop for a session's `ordinal`-th lane, counted from 0.
  LaneLoop& ForLane(size_t ordinal);

 private:
  struct Worker {
    LaneLoop* lanes = nullptr;
    std::unique_ptr<engine::WorkerLoop> thread;
  };

  engine::LoopDriver& home_;
  const engine::LoopOptions options_;
  size_t workers_max_;
  LaneLoop home_lanes_;
  std::vector<Worker> workers_;
};

}  // namespace client
