#pragma once

#include <chrono>

#include "engine/base/time.h"

namespace engine::datachannel {

// RoundTrip estimates how long an acknowledgement takes, as all real programs of this protocol do
// (Jacobson's estimate with its usual gains), and from that after how long a message is repeated.
class RoundTrip {
 public:
  static constexpr Duration kFirstTimeout = std::chrono::milliseconds(200);
  static constexpr Duration kTimeoutMax = std::chrono::seconds(1);
  static constexpr Duration kMarginMin = std::chrono::milliseconds(10);

  // Measured takes the time from sending a message to its acknowledgement.
  void Measured(Duration sample);

  Duration smoothed() const { return smoothed_; }
  Duration variation() const { return variation_; }
  Duration timeout() const { return timeout_; }

 private:
  Duration smoothed_ = std::chrono::milliseconds(100);
  Duration variation_{};
  Duration timeout_ = kFirstTimeout;
};

}  // namespace engine::datachannel
