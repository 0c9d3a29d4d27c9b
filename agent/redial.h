// When an agent that has lost the relay, or never reached it, dials again.

#pragma once

#include <cstdint>

#include "agent/relay_link.h"
#include "engine/base/time.h"
#include "engine/net/backoff.h"

namespace agent {

class Redial {
 public:
  // A link that lasted this long was a success: the next dial comes at once.
  static constexpr engine::Duration kSteadyLink = std::chrono::seconds(10);
  // Between two tries while there are sessions whose clients may come again.
  static constexpr engine::Duration kDelayWithSessionsMax = std::chrono::seconds(2);

  explicit Redial(uint64_t seed) : backoff_(seed) {}

  // FirstDelay is how long to wait before the first dial.
  engine::Duration FirstDelay() { return backoff_.NextDelay(); }

  // LinkUp says that the relay has answered our hello.
  void LinkUp(engine::Instant now) { up_since_ = now; }

  // DelayAfter is how long to wait until the next dial, after a link that ended like this.
  engine::Duration DelayAfter(const LinkEnd& end, bool has_sessions, engine::Instant now);

  // Gained says that the network has changed for the better. True: who waits dials now.
  bool Gained(engine::Instant now) { return !was_replaced_ && backoff_.Gained(now); }

  // MannerOf is how to dial.
  RelayLink::Manner MannerOf(bool has_sessions) const;

 private:
  engine::Backoff backoff_;
  engine::Instant up_since_{};
  bool was_replaced_ = false;  // The last link was.
};

}  // namespace agent
