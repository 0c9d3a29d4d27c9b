#include "agent/redial.h"

#include <algorithm>

namespace agent {

engine::Duration Redial::DelayAfter(const LinkEnd& end, bool has_sessions, engine::Instant now) {
  // Two agents with one identity replace each other for ever: then there is no hurry.
  was_replaced_ = end.code == engine::CloseCode::kReplaced;
  if (was_replaced_) return engine::Backoff::kDelayMax;
  const bool was_steady = end.was_up && now - up_since_ >= kSteadyLink;
  if (was_steady) backoff_.Succeeded();
  if (was_steady && end.code == engine::CloseCode::kShuttingDown && !has_sessions) {
    return backoff_.Spread();
  }
  // TCP got through and TLS did not: the relay has more to do than it can.
  const bool is_crowded = end.kind == engine::ConnectionEnd::Kind::kHandshakeFailed;
  if (is_crowded && !end.was_up) {
    backoff_.Crowded();
    const engine::Duration delay = backoff_.NextDelay();
    return has_sessions ? std::min(delay, kDelayWithSessionsMax) : delay;
  }
  if (!has_sessions) return backoff_.NextDelay();
  // Clients that come again have to wait until we are back, so we come before the others.
  if (end.was_up && !was_steady) backoff_.Reached();
  return std::min(backoff_.NextDelay() / 2, kDelayWithSessionsMax);
}

RelayLink::Manner Redial::MannerOf(bool has_sessions) const {
  return {.connect_max = backoff_.is_eager() ? engine::Backoff::kEagerConnectMax
                                             : engine::SecureConnection::kConnectMax,
          .has_sessions = has_sessions};
}

}  // namespace agent
