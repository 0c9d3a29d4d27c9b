#include "engine/mux/liveness.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine {
namespace {

Instant AtTick(Instant time) {
  const auto ticks = (time.time_since_epoch() + Liveness::kTick - Duration(1)) / Liveness::kTick;
  return Instant(ticks * Liveness::kTick);
}

}  // namespace

Liveness::Liveness(const LivenessTimes& times, Instant now)
    : times_(times), heard_(now), used_(now) {
  CHECK(times.next_ping > Duration::zero());
  CHECK(times.first_ping + times.next_ping <= times.silence_max);
}

Instant Liveness::GivenUpAt() const {
  const Instant usual =
      std::max(heard_ + times_.silence_max + Rest(), *unheard_since_ + times_.next_ping);
  return std::min(usual, probed_until_);
}

Instant Liveness::NextDeadline() const {
  if (!unheard_since_.has_value()) return AtTick(heard_ + times_.first_ping + Rest());
  return std::min(*pinged_ + times_.next_ping, GivenUpAt());
}

Liveness::Due Liveness::Check(Instant now) const {
  if (now < NextDeadline()) return Due::kNothing;
  if (!unheard_since_.has_value()) return Due::kPing;
  return now >= GivenUpAt() ? Due::kSilent : Due::kPing;
}

bool Liveness::IsProbeDue(Instant now) const {
  if (!pinged_.has_value()) return true;
  if (!is_answered_) return false;
  const bool is_urgent = !delay_.least().has_value() || delay_.is_draining();
  return is_urgent || now - *pinged_ >= kProbeInterval;
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
  delay_.Measured(*pinged_, now);
}

}  // namespace engine
