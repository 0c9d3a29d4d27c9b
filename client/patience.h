// How long a link outlives its connection: as long as the user waits, and no longer than the
// session can be there. Without a relay that says so, a client would wait a day for a session that
// has been over since its twentieth minute.

#pragma once

#include <chrono>
#include <string>

#include "engine/base/time.h"

namespace client {

// SessionTimes are the limits of a session's document; zero: none, or an older relay does not say.
struct SessionTimes {
  std::chrono::seconds idle_max{};  // Without a byte on any stream, the node ends it.
  std::chrono::seconds duration_max{};
};

class Patience {
 public:
  // The node counts idle time from the last byte, and may have had one that was on its way.
  static constexpr engine::Duration kSlack = std::chrono::seconds(15);

  Patience() = default;  // None: a link ends with its connection.
  // `user_max` is what the user waits (ADIT_PATIENCE), zero: not at all.
  explicit Patience(std::chrono::seconds user_max) : user_max_(user_max) {}
  // The same for a session that `started` then.
  Patience(std::chrono::seconds user_max, const SessionTimes& times, engine::Instant started)
      : user_max_(user_max), times_(times), started_(started) {}

  bool any() const { return user_max_ > std::chrono::seconds::zero(); }

  // WhyOver says why nobody waits any more at `now` for a connection that was lost at `lost_at`:
  // the end of a sentence about it. Empty: somebody does.
  std::string WhyOver(engine::Instant lost_at, engine::Instant now) const;

 private:
  std::chrono::seconds user_max_{};
  SessionTimes times_;
  engine::Instant started_{};
};

}  // namespace client
