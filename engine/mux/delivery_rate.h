#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/base/time.h"

namespace engine {

// DeliveryRate is how many bytes a second get through to a reader, and from that how much has to be
// under way so that the network, or the reader, is never without: the estimator of BBR
// (draft-ietf-ccwg-bbr, 5.5), at the side that gives credit.
//
// The rate is measured over rounds of at least one round trip, and the best of the last rounds
// counts: a thread that waited for its turn delivers late and then much at once, and both is the
// machine's doing. While the rate still grows by a quarter from round to round, the window is what
// limits it, and is quadrupled: TCP's slow start doubles in a round trip of a leg, and a way
// through a relay has two legs in one round trip of ours. Later on it only gets a little room more
// than the way holds, which is all that ever waits in a queue; for one round of a few it is a
// quarter, to find out whether the way has become faster.
class DeliveryRate {
 public:
  // Measure takes how much was consumed up to `now`, at any times.
  void Measure(uint64_t consumed, Instant now, Duration round_trip) {
    if (!since_.has_value()) {
      since_ = now;
      from_ = consumed;
    }
    const Duration round = now - *since_;
    const Duration round_min = std::max(round_trip, is_growing() ? kFirstRoundMin : kRoundMin);
    const double rate =
        static_cast<double>(consumed - from_) / ToSeconds(std::max(round, round_min));
    unfinished_ = rate;
    if (round < round_min) return;
    since_ = now;
    from_ = consumed;
    if (rate >= grown_to_ * kGrowth) {
      grown_to_ = rate;
      rounds_without_growth_ = 0;
    } else if (is_growing()) {
      ++rounds_without_growth_;
    }
    newest_best_ = std::max(newest_best_, rate);
    if (++rounds_ < kRoundsKept) return;
    older_best_ = newest_best_;
    newest_best_ = 0;
    rounds_ = 0;
  }

  bool is_growing() const { return rounds_without_growth_ < kRoundsWithoutGrowth; }

  // BytesUnderWay returns how much should be under way; 0 before the second Measure. A round
  // that has not ended counts as if nothing more came in it.
  uint64_t BytesUnderWay(Duration round_trip) const {
    Duration room = std::max(kRoom, round_trip / 10);
    if (rounds_ == 0) room = std::max(room, round_trip / 4);
    if (is_growing()) room = 3 * round_trip;
    return static_cast<uint64_t>(std::max({older_best_, newest_best_, unfinished_}) *
                                 ToSeconds(std::max(round_trip + room, kLeast)));
  }

 private:
  static constexpr double kGrowth = 1.25;
  static constexpr int kRoundsWithoutGrowth = 3;
  static constexpr int kRoundsKept = 8;  // At least so many, at most twice.
  static constexpr Duration kFirstRoundMin = std::chrono::milliseconds(1);
  static constexpr Duration kRoundMin = std::chrono::milliseconds(20);
  // How long what is let in may wait in a queue, and an interactive stream beside it.
  static constexpr Duration kRoom = std::chrono::milliseconds(2);
  // Threads that share a processor wait for their turn about as long: with less under way, a near
  // peer is not kept busy; with more, the bytes under way fall out of the processor's near caches.
  static constexpr Duration kLeast = std::chrono::milliseconds(3);

  static double ToSeconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
  }

  std::optional<Instant> since_;  // When the round began,
  uint64_t from_ = 0;             // and what was consumed then.
  double unfinished_ = 0;         // The rate of the round if nothing more came in it.
  double grown_to_ = 0;           // The rate that the last growth is measured against.
  double newest_best_ = 0;
  double older_best_ = 0;
  int8_t rounds_without_growth_ = 0;
  int8_t rounds_ = 0;
};

}  // namespace engine
