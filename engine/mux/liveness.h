// Is the other side still there, and how far away is it?

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/base/time.h"
#include "engine/mux/path_delay.h"

namespace engine {

// LivenessTimes says how long a link may be silent before it is pinged, how long after that it is
// pinged again, and when it is given up: a dead peer is noticed within 15 s.
//
// The side that accepted the connection asks first, so that the two never ask at once: an idle link
// costs one ping and one answer in ten seconds, and a relay sends those of its many links together.
//
// A link that has carried nothing but pings for `rests_after` may be silent for `rest` longer: that
// is for links of which a relay has very many, and on which nobody waits for anything.
struct LivenessTimes {
  Duration first_ping{};
  Duration next_ping{};
  Duration silence_max{};
  Duration rests_after{};
  Duration rest{};  // Zero: it never rests.
};
inline constexpr LivenessTimes kAcceptedLiveness{std::chrono::seconds(10), std::chrono::seconds(2),
                                                 std::chrono::seconds(14)};
inline constexpr LivenessTimes kConnectedLiveness{std::chrono::seconds(11), std::chrono::seconds(2),
                                                  std::chrono::seconds(14)};

// Resting returns the times of a link that may rest: one ping in 25 s, well below the minute after
// which the first load balancers drop what is silent, and a dead peer is noticed within 30 s.
constexpr LivenessTimes Resting(LivenessTimes times) {
  times.rests_after = std::chrono::minutes(1);
  times.rest = std::chrono::seconds(15);
  return times;
}

// ProbePatience is how long the answer to a question may take that was asked because there is
// reason to doubt: what is there answers within a round trip, and a busy machine soon after.
constexpr Duration ProbePatience(Duration round_trip) {
  return std::chrono::seconds(1) + 4 * round_trip;
}

// Liveness decides when to ping and when to give a link up, and measures the round trip. Any byte
// counts as life, and the answer to a ping is a byte.
//
// First pings are due at full ticks of the clock: the links of a loop that were heard of within one
// tick are then served by one iteration, instead of waking its thread once each.
//
// While data arrives, probes go out at most once in kProbeInterval, so that credit knows how far
// away the peer is; one after the other while the way is let run dry to measure it.
class Liveness {
 public:
  static constexpr Duration kProbeInterval = std::chrono::seconds(1);

  enum class Due : uint8_t { kNothing, kPing, kSilent };

  // The longest that a ping is put off. A loop with 25,000 links sends 125 a tick, which takes it a
  // millisecond or two, so it is not longer.
  static constexpr Duration kTick = std::chrono::milliseconds(50);

  // Requires: first_ping + next_ping <= silence_max.
  Liveness(const LivenessTimes& times, Instant now);

  // Heard says that bytes arrived.
  void Heard(Instant now) {
    heard_ = now;
    unheard_since_.reset();
    probed_until_ = Instant::max();
  }

  // Used says that more than a ping came, or that something was sent on whose answer somebody
  // waits: the link does not rest, and is asked now if it was silent for as long as others may be.
  void Used(Instant now) {
    if (Rest() > Duration::zero()) heard_ = std::max(heard_, now - times_.first_ping);
    used_ = std::max(used_, now);
  }

  // SetOccupied says whether streams are open, or somebody else counts on the link: it does not
  // rest then, even if all are silent. Call Used before the first one.
  void SetOccupied(bool is_occupied) { is_occupied_ = is_occupied; }

  // StartAnew says that the link goes on over another connection, maybe another way: what was
  // measured is forgotten, and an answer that is still to come measures nothing.
  void StartAnew(Instant now) {
    Heard(now);
    is_answered_ = true;
    delay_ = {};
  }

  // Check says what is to be done now. For kPing call Ping and send its number.
  //
  // A process that was stopped (a laptop's sleep, a debugger) finds the deadline long past; the
  // link is given up only after a ping had `next_ping` for its answer.
  Due Check(Instant now) const;

  // IsProbeDue is true when data arrives and the round trip should be measured.
  bool IsProbeDue(Instant now) const;

  // Ping starts a measurement and returns the number that the ping carries.
  uint64_t Ping(Instant now);

  // Suspect says that there is reason to doubt: unless something is heard within `patience` of now,
  // the link is silent. The caller pings.
  void Suspect(Instant now, Duration patience) {
    probed_until_ = std::min(probed_until_, now + patience);
  }

  // Answered takes the number of an answer; one that answers no ping of ours is ignored.
  void Answered(uint64_t number, Instant now);

  // NextDeadline is when Check next says something else than kNothing, if nothing is heard.
  Instant NextDeadline() const;

  PathDelay& delay() { return delay_; }
  const PathDelay& delay() const { return delay_; }

 private:
  // When it is silent, once it was pinged.
  Instant GivenUpAt() const;
  // How much longer than others it may be silent.
  Duration Rest() const {
    const bool rests = !is_occupied_ && heard_ - used_ >= times_.rests_after;
    return rests ? times_.rest : Duration::zero();
  }

  const LivenessTimes times_;
  Instant heard_;
  Instant used_;
  std::optional<Instant> pinged_;          // When the last ping went out.
  std::optional<Instant> unheard_since_;   // The first ping since anything was heard.
  Instant probed_until_ = Instant::max();  // By Suspect; there is a ping.
  bool is_answered_ = true;                // The last ping was.
  bool is_occupied_ = false;
  uint64_t number_ = 0;  // Of the last ping.
  PathDelay delay_;
};

}  // namespace engine
