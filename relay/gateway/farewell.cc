#include "relay/gateway/farewell.h"

#include <algorithm>
#include <utility>

namespace relay {

void Farewell::Begin(Cause cause, std::string output, std::string_view reason, bool is_connected,
                     size_t unacknowledged, engine::Instant now) {
  if (std::exchange(begun_, true)) return;
  away_max_ = cause == Cause::kItsOwn ? kLingerMax : engine::Duration::zero();
  end_by_ = now + (is_connected ? kDrainMax : away_max_);
  drain_by_ = now + away_max_;
  over_by_ = drain_by_ + kDrainMax;
  unacknowledged_ = unacknowledged;
  output_ = std::move(output);
  reason_ = reason;
}

void Farewell::Drained(size_t unacknowledged, engine::Instant now) {
  if (unacknowledged >= unacknowledged_) return;
  unacknowledged_ = unacknowledged;
  end_by_ = std::max(end_by_, std::min(now + kDrainMax, drain_by_));
}

}  // namespace relay
