// What the world notes while it runs, and holds against the rules. The first thing that is wrong
// is kept.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/http/http_message.h"

namespace sim {

class Witness {
 public:
  // From the moment that a permission is withdrawn, so long until nothing of the session may pass
  // or be let in any more: the watch's interval, a slow disk, the cut of a lane.
  static constexpr engine::Duration kWithdrawnMax = std::chrono::seconds(15);

  void Blame(const std::string& text);
  const std::string& problem() const { return problem_; }

  // What the relay was asked to come again, and answered.
  void RejoinAnswered(const engine::HttpRequest& request, int status, engine::Instant now);
  void LaneJoined(const std::string& session_id, engine::Instant now);
  // Requests that were granted, and that somebody could have kept.
  const std::vector<engine::HttpRequest>& granted() const { return granted_; }

  void PermissionWithdrawn(engine::Instant now) { withdrawn_at_ = now; }
  bool is_withdrawn() const { return withdrawn_at_ != engine::Instant::max(); }

  // LaneResumed is what a node says; an agent that was restarted has other sessions.
  void LaneResumed(const std::string& session_id, uint64_t lane, uint64_t epoch);

  uint32_t rejoin_count() const { return rejoin_count_; }
  uint32_t resumed_count() const { return resumed_count_; }
  uint32_t sessions_started = 0;

 private:
  void CheckPermission(const std::string& what, engine::Instant now);

  std::string problem_;
  std::vector<engine::HttpRequest> granted_;
  std::map<std::string, uint64_t> granted_epochs_;
  std::map<std::pair<std::string, uint64_t>, uint64_t> resumed_epochs_;
  engine::Instant withdrawn_at_ = engine::Instant::max();
  uint32_t rejoin_count_ = 0;
  uint32_t resumed_count_ = 0;
};

}  // namespace sim
