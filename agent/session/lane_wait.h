#pragma once

#include <atomic>

#include "engine/base/time.h"

namespace agent {

// LaneWait says since when a lane waits for its client to come again. The lane's thread writes it,
// that of its session reads it.
class LaneWait {
 public:
  void Begin(engine::Instant now) { since_.store(now, std::memory_order_relaxed); }
  void End() { since_.store(engine::Instant::max(), std::memory_order_relaxed); }

  // Since returns Instant::max() when the lane does not wait.
  engine::Instant since() const { return since_.load(std::memory_order_relaxed); }

 private:
  std::atomic<engine::Instant> since_{engine::Instant::max()};
};

}  // namespace agent
