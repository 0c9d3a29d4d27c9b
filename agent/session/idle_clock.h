#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "engine/base/time.h"

namespace agent {

// IdleClock says when a session has been idle for too long. Bytes of its streams alone count: that
// a link is alive says nothing about its user.
class IdleClock {
 public:
  // `seconds_max` is the relay's; 0: never.
  IdleClock(uint32_t seconds_max, engine::Instant now)
      : idle_max_(std::chrono::seconds(seconds_max)), last_(now) {}

  void Heard(engine::Instant now) { last_.store(now, std::memory_order_relaxed); }

  // Deadline is when the session is over unless a byte passes before.
  engine::Instant Deadline() const {
    if (idle_max_ == engine::Duration::zero()) return engine::Instant::max();
    return last_.load(std::memory_order_relaxed) + idle_max_;
  }

 private:
  const engine::Duration idle_max_;
  std::atomic<engine::Instant> last_;
  static_assert(std::atomic<engine::Instant>::is_always_lock_free);
};

}  // namespace agent
