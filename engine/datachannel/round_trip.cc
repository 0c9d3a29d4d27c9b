#include "engine/datachannel/round_trip.h"

#include <algorithm>

namespace engine::datachannel {

void RoundTrip::Measured(Duration sample) {
  variation_ = variation_ * 3 / 4 + std::chrono::abs(smoothed_ - sample) / 4;
  smoothed_ = smoothed_ * 7 / 8 + sample / 8;
  timeout_ = std::min(kTimeoutMax, smoothed_ + std::max(kMarginMin, variation_ * 4));
}

}  // namespace engine::datachannel
