#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace relay {

// Farewell is the end of a session of the gateway: for how long what was sent may still arrive
// before the last word is said.
class Farewell {
 public:
  // Of a session that came to its own end, anew with each acknowledgement, up to kLingerMax.
  static constexpr engine::Duration kDrainMax = std::chrono::seconds(2);
  // How long a session that came to its own end keeps the last of its output for a client that has
  // lost its connection. One that was ended from elsewhere waits for nobody.
  static constexpr engine::Duration kLingerMax = std::chrono::seconds(60);

  enum class Cause { kItsOwn, kFromElsewhere };

  // Begin: `output` is for the client's user, `reason` for the records. `unacknowledged` is how
  // much the client has yet to say that it has.
  void Begin(Cause cause, std::string output, std::string_view reason, bool is_connected,
             size_t unacknowledged, engine::Instant now);
  bool begun() const { return begun_; }

  // The calls below are for one that has begun.
  // Nobody who comes and goes makes it last.
  void Connected(engine::Instant now) { end_by_ = std::min(now + kDrainMax, over_by_); }
  void Disconnected(engine::Instant now) { end_by_ = std::min(now + away_max_, over_by_); }
  void Drained(size_t unacknowledged, engine::Instant now);

  // Without a client nobody hears the rest, unless he comes back for it.
  bool IsDue(bool is_drained, engine::Instant now) const { return is_drained || now >= end_by_; }
  engine::Instant deadline() const { return end_by_; }

  const std::string& output() const { return output_; }
  const std::string& reason() const { return reason_; }

 private:
  bool begun_ = false;
  engine::Duration away_max_{};
  engine::Instant end_by_ = engine::Instant::max();
  engine::Instant drain_by_;  // However well it drains ...
  engine::Instant over_by_;   // ... and whoever comes for it.
  size_t unacknowledged_ = 0;
  std::string output_;
  std::string reason_;
};

}  // namespace relay
