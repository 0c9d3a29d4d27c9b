#pragma once

#include <algorithm>
#include <chrono>

#include "engine/base/random.h"
#include "engine/base/time.h"

namespace engine {

// Backoff says when to try again: the first try at once, then exponential with equal jitter
// (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), never more than
// `delay_max`.
class Backoff {
 public:
  static constexpr Duration kFirstDelay = std::chrono::milliseconds(250);
  static constexpr Duration kDelayMax = std::chrono::seconds(30);

  explicit Backoff(uint64_t seed, Duration delay_max = kDelayMax)
      : random_(seed), delay_max_(delay_max) {}

  // NextDelay returns how long to wait before the next try.
  Duration NextDelay() {
    const Duration ceiling = ceiling_;
    ceiling_ = std::min(delay_max_, std::max(kFirstDelay, 2 * ceiling_));
    if (ceiling == Duration::zero()) return ceiling;
    return Duration{static_cast<Duration::rep>(random_.Range(
        static_cast<uint64_t>(ceiling.count() / 2), static_cast<uint64_t>(ceiling.count())))};
  }

  // Succeeded starts over: the next try comes at once.
  void Succeeded() { ceiling_ = Duration::zero(); }

 private:
  Random random_;
  Duration delay_max_;
  Duration ceiling_ = Duration::zero();
};

}  // namespace engine
