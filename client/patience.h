// How long a link outlives its connection: as long as the user waits, and no longer than the
// session can be there. Without a relay that says so, a client would wait a day for a session that
// has been over since its twentieth minute.

#pragma once

#include <chrono>
#include <string>

#include "engine/base/time.h"

namespace client {

class Patience {
 public:
  // The node counts from its own answer.
  static constexpr engine::Duration kSlack = std::chrono::seconds(15);

  Patience() = default;  // None: a link ends with its connection.
  // `user_max` is what the user waits (ADIT_PATIENCE), zero: not at all.
  explicit Patience(std::chrono::seconds user_max) : user_max_(user_max) {}
  // The same for a session that `started` then, and may last for `duration_max` (zero: no limit, or
  // an older relay does not say).
  Patience(std::chrono::seconds user_max, std::chrono::seconds duration_max,
           engine::Instant started)
      : user_max_(user_max), duration_max_(duration_max), started_(started) {}

  bool any() const { return user_max_ > std::chrono::seconds::zero(); }

  // WhyOver says why nobody waits any more at `now` for a connection that was lost at `lost_at`:
  // the end of a sentence about it. Empty: somebody does.
  std::string WhyOver(engine::Instant lost_at, engine::Instant now) const;

 private:
  std::chrono::seconds user_max_{};
  std::chrono::seconds duration_max_{};
  engine::Instant started_{};
};

}  // namespace client
