#pragma once

#include <optional>

#include "engine/base/time.h"

namespace engine {

// PathDelay tells how far away the peer is without what waits in queues on the way: the least round
// trip that was measured. Bulk that keeps a queue filled hides it, and a way may become longer; so
// when the least one is older than kLeastLasts, windows let the way run dry for a moment, and what
// is measured then counts, whatever it is (BBR calls it ProbeRTT: draft-ietf-ccwg-bbr, 5.3.4).
class PathDelay {
 public:
  static constexpr Duration kLeastLasts = std::chrono::seconds(10);

  // least is nothing before the first measurement.
  std::optional<Duration> least() const { return least_; }

  // newest is the last measurement, with all that waited.
  Duration newest() const { return newest_; }

  bool IsOld(Instant now) const { return least_.has_value() && now - least_at_ >= kLeastLasts; }

  // Drain says that from `now` on less is let in than the way carries.
  void Drain(Instant now) {
    if (!is_dry_at_.has_value()) is_dry_at_ = now + 2 * newest_;
  }
  bool is_draining() const { return is_dry_at_.has_value(); }

  // Measured takes the round trip of what went out at `sent`.
  void Measured(Instant sent, Instant now) {
    newest_ = now - sent;
    const bool is_dry = is_dry_at_.has_value() && sent >= *is_dry_at_;
    const bool is_forgotten = !is_dry_at_.has_value() && now - least_at_ >= 2 * kLeastLasts;
    if (least_.has_value() && newest_ > *least_ && !is_dry && !is_forgotten) return;
    least_ = newest_;
    least_at_ = now;
    is_dry_at_.reset();
  }

 private:
  std::optional<Duration> least_;
  Instant least_at_{};
  Duration newest_{};
  std::optional<Instant> is_dry_at_;  // While draining: when all that had been let in is through.
};

}  // namespace engine
