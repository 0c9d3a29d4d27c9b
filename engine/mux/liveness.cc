#include "engine/mux/liveness.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine {

Liveness::Liveness(Duration ping_interval, Duration silence_max, Instant now)
    : ping_interval_(ping_interval), silence_max_(silence_max), heard_(now) {
  CHECK(ping_interval > Duration::zero());
  CHECK(2 * ping_interval <= silence_max);
}

Instant Liveness::NextDeadline() const {
  if (!unheard_since_.has_value()) return heard_ + ping_interval_;
  const Instant silent = std::max(heard_ + silence_max_, *unheard_since_ + ping_interval_);
  return std::min(*pinged_ + ping_interval_, silent);
}

Liveness::Due Liveness::Check(Instant now) const {
  if (now < NextDeadline()) return Due::kNothing;
  if (!unheard_since_.has_value()) return Due::kPing;
  const Instant silent = std::max(heard_ + silence_max_, *unheard_since_ + ping_interval_);
  return now >= silent ? Due::kSilent : Due::kPing;
}

bool Liveness::IsProbeDue(Instant now) const {
  if (!pinged_.has_value()) return true;
  return is_answered_ && (!round_trip_.has_value() || now - *pinged_ >= kProbeInterval);
}

uint64_t Liveness::Ping(Instant now) {
  pinged_ = now;
  if (!unheard_since_.has_value()) unheard_since_ = now;
  is_answered_ = false;
  return ++number_;
}

void Liveness::Answered(uint64_t number, Instant now) {
  if (number != number_ || is_answered_) return;
  is_answered_ = true;
  samples_[sample_count_++ % kSamples] = now - *pinged_;
  const size_t filled = std::min(sample_count_, kSamples);
  round_trip_ = *std::min_element(samples_.begin(), samples_.begin() + filled);
}

}  // namespace engine
