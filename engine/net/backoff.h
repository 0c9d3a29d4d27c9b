#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "engine/base/random.h"
#include "engine/base/time.h"

namespace engine {

// Backoff says when to try again: the first try at once; then every half second, at first sooner,
// for some ten seconds, in which a relay that is being restarted is back; then exponential, never
// more than `delay_max`. All with equal jitter (Brooker, "Exponential Backoff And Jitter", AWS
// Architecture Blog, 2015), so that many who lost the same relay do not come in one moment.
class Backoff {
 public:
  static constexpr Duration kFirstDelay = std::chrono::milliseconds(50);
  static constexpr Duration kEagerDelayMax = std::chrono::milliseconds(500);
  static constexpr uint32_t kEagerTries = 30;
  static constexpr Duration kDelayMax = std::chrono::seconds(30);
  // How long an eager try may wait for a connection: what a way that was not there has swallowed is
  // repeated by the kernel after one second, and by us before it would take longer than that.
  static constexpr Duration kEagerConnectMax = std::chrono::seconds(2);

  static constexpr Duration kSpreadMax = std::chrono::seconds(3);
  // Between two tries that changes of the network bring about.
  static constexpr Duration kGainMin = std::chrono::seconds(1);

  explicit Backoff(uint64_t seed, Duration delay_max = kDelayMax)
      : random_(seed), delay_max_(delay_max) {}

  // NextDelay returns how long to wait before the next try.
  Duration NextDelay() {
    const Duration ceiling = ceiling_;
    ++tries_;
    const Duration bound = is_eager() ? std::min(kEagerDelayMax, delay_max_) : delay_max_;
    ceiling_ = std::min(bound, std::max(kFirstDelay, 2 * ceiling_));
    if (ceiling == Duration::zero()) return ceiling;
    return Duration{static_cast<Duration::rep>(random_.Range(
        static_cast<uint64_t>(ceiling.count() / 2), static_cast<uint64_t>(ceiling.count())))};
  }

  // Spread returns how long to wait where nobody waits for us, and many others lose the same relay
  // in the same moment, in good order: those that have sessions, and their clients, come first.
  Duration Spread() {
    return Duration{
        static_cast<Duration::rep>(random_.Range(static_cast<uint64_t>(kSpreadMax.count() / 10),
                                                 static_cast<uint64_t>(kSpreadMax.count())))};
  }

  bool is_eager() const { return tries_ < kEagerTries; }

  // is_crowded is true from Crowded on until it is known to have room again.
  bool is_crowded() const { return is_crowded_; }

  // Succeeded starts over: the next try comes at once.
  void Succeeded() {
    is_crowded_ = false;
    tries_ = 0;
    ceiling_ = Duration::zero();
  }

  // Reached says that it was there, if only for a moment: it is worth being eager again, but not at
  // once, lest two that cannot live together keep each other busy.
  void Reached() {
    is_crowded_ = false;
    tries_ = 0;
    ceiling_ = std::clamp(ceiling_, std::min(kFirstDelay, delay_max_), kEagerDelayMax);
  }

  // Gained says that there may be a way where there was none, and returns whether who waits should
  // try now. Not more often than once in kGainMin, since some networks change without end; and not
  // while who is there has no room.
  bool Gained(Instant now) {
    if (is_crowded_ || (gained_at_.has_value() && now - *gained_at_ < kGainMin)) return false;
    gained_at_ = now;
    Reached();
    return true;
  }

  // Crowded says that who was reached has no room: then eager tries only make it worse.
  void Crowded() {
    is_crowded_ = true;
    tries_ = std::max(tries_, kEagerTries);
    ceiling_ = std::min(delay_max_, std::max(ceiling_, 2 * kEagerDelayMax));
  }

 private:
  Random random_;
  Duration delay_max_;
  Duration ceiling_ = Duration::zero();
  uint32_t tries_ = 0;
  bool is_crowded_ = false;
  std::optional<Instant> gained_at_;
};

}  // namespace engine
