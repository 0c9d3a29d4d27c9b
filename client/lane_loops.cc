#include "client/lane_loops.h"

#include <algorithm>
#include <utility>

namespace client {

LaneLoops::LaneLoops(engine::LoopDriver& home, engine::LoopOptions options)
    : home_(home),
      options_(options),
      workers_max_(engine::WorkerLoop::CountFor(kLoopsMax)),
      home_lanes_(home) {}

LaneLoops::LaneLoops(engine::LoopDriver& home)
    : home_(home), options_(), workers_max_(0), home_lanes_(home) {}

LaneLoops::~LaneLoops() = default;

LaneLoop& LaneLoops::ForLane(size_t ordinal) {
  const size_t loop = ordinal % (workers_max_ + 1);
  while (workers_.size() < loop) {
    LaneLoop* lanes = nullptr;
    auto thread = engine::WorkerLoop::Start(options_, [&](engine::LoopDriver& driver) {
      auto made = std::make_unique<LaneLoop>(driver);
      lanes = made.get();
      driver.network().Start();
      return made;
    });
    if (!thread.ok()) {  // Out of memory or descriptors: what there is must do.
      workers_max_ = workers_.size();
      return home_lanes_;
    }
    workers_.push_back({.lanes = lanes, .thread = *std::move(thread)});
  }
  return loop == 0 ? home_lanes_ : *workers_[loop - 1].lanes;
}

}  // namespace client
