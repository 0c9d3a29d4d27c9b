#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "agent/session/idle_clock.h"
#include "agent/session/relay_outbox.h"
#include "engine/base/time.h"
#include "engine/mux/open_rate.h"
#include "engine/wire/control.h"
#include "engine/wire/session_plan.h"

namespace agent {

// SessionGrant is what one sealed session may do at this node, and what is told of it: shared by
// the session and its lanes, which may run on several threads. Opens and ends are rare, hence the
// mutex; what passed is in atomics.
class SessionGrant {
 public:
  // `outbox` outlives the grant.
  SessionGrant(const engine::SessionOffer& offer, RelayOutbox& outbox, engine::Instant now);

  // Admitted is an open request that was let in, or why it was not.
  struct Admitted {
    engine::CheckedOpen open;
    uint32_t serial = 0;  // Names the stream to the relay.
  };

  // Admit holds a lane's open request, foreign bytes, against the grant and its maxima, and reports
  // the stream that may be. StreamOver must follow, with that serial, if its code is kNormal.
  Admitted Admit(std::string_view request, engine::Instant now);

  // Passed says that bytes of a stream passed.
  void Passed(size_t to_node, size_t from_node, engine::Instant now) {
    idle_.Heard(now);
    to_node_bytes_.fetch_add(to_node, std::memory_order_relaxed);
    from_node_bytes_.fetch_add(from_node, std::memory_order_relaxed);
  }
  uint64_t to_node_bytes() const { return to_node_bytes_.load(std::memory_order_relaxed); }
  uint64_t from_node_bytes() const { return from_node_bytes_.load(std::memory_order_relaxed); }

  // StreamOver reports the end of a stream, and what it was.
  struct Account {
    uint64_t to_node_bytes = 0;
    uint64_t from_node_bytes = 0;
    engine::Duration duration{};
  };
  void StreamOver(uint32_t serial, engine::CloseCode code, const Account& account);

  // LaneLost reports that the connection with that token was left, and that nobody may have heard.
  void LaneLost(const std::string& join_token) {
    outbox_.Push(engine::LanesLost{names_.session_id, join_token});
  }

  const std::string& session_id() const { return names_.session_id; }
  const engine::SessionPlan& plan() const { return plan_; }
  const IdleClock& idle() const { return idle_; }
  uint32_t idle_seconds_max() const { return idle_seconds_max_; }

 private:
  const engine::SessionPlan plan_;
  const engine::SessionNames names_;
  const std::string what_;  // The plan, for the audit.
  const uint32_t idle_seconds_max_;
  RelayOutbox& outbox_;
  IdleClock idle_;
  std::atomic<uint64_t> to_node_bytes_{0};
  std::atomic<uint64_t> from_node_bytes_{0};
  std::mutex mutex_;
  engine::OpenRate open_rate_;  // From here on under mutex_: of all lanes together.
  uint32_t next_serial_ = 1;
  uint32_t stream_count_ = 0;
};

}  // namespace agent
