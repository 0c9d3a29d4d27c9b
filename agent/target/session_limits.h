// The limits of inspected sessions, at the node.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/target/stream_meter.h"
#include "engine/base/time.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"

namespace engine {
class Loop;
}

namespace agent {

// SessionLimits ends the streams of sessions that were idle for too long, or lasted too long. The
// relay does the same, and sooner, since it alone can end the session; this is for a relay that
// does not. The sessions are those of one link.
class SessionLimits {
 public:
  // How much later than at the relay: so that one of the two ends a session, and always the same.
  static constexpr engine::Duration kGrace = std::chrono::seconds(5);

  // Both outlive this.
  SessionLimits(engine::Loop& loop, engine::Multiplexer& link);
  ~SessionLimits();  // Requires: every stream that was watched is over.

  // Watch returns what has to stand between the stream and its target; null: it has no limits.
  std::unique_ptr<StreamMeter> Watch(engine::StreamId id, const engine::OpenRequest& request);

  // EndDue ends what is due at `now`. Call it every second while there are sessions.
  void EndDue(engine::Instant now);

  bool empty() const { return sessions_.empty(); }
  size_t session_count() const { return sessions_.size(); }

 private:
  class Session;

  // ForgetEmpty forgets sessions without a stream.
  void ForgetEmpty();

  engine::Loop& loop_;
  engine::Multiplexer& link_;
  std::unordered_map<std::string, std::unique_ptr<Session>> sessions_;
  std::vector<std::string> emptied_;  // Their last stream is over; another may have come since.
};

}  // namespace agent
