#include "tests/sim/witness.h"

#include <nlohmann/json.hpp>

namespace sim {

void Witness::Blame(const std::string& text) {
  if (problem_.empty()) problem_ = text;
}

void Witness::CheckPermission(const std::string& what, engine::Instant now) {
  if (is_withdrawn() && now > withdrawn_at_ + kWithdrawnMax) {
    Blame(what + " although the permission was withdrawn");
  }
}

void Witness::RejoinAnswered(const engine::HttpRequest& request, int status, engine::Instant now) {
  if (status != 200) return;
  ++rejoin_count_;
  granted_.push_back(request);
  const nlohmann::json input = nlohmann::json::parse(request.body);
  const std::string session = input.value("SessionId", "");
  const uint64_t epoch = input.value("Epoch", uint64_t{0});
  CheckPermission("a lane may be joined again", now);
  uint64_t& granted = granted_epochs_[session];
  if (epoch <= granted) {
    Blame("the relay lets a client come again by epoch " + std::to_string(epoch) + " after " +
          std::to_string(granted));
  }
  granted = epoch;
}

void Witness::LaneJoined(const std::string&, engine::Instant now) {
  CheckPermission("a lane was joined", now);
}

void Witness::LaneResumed(const std::string& session_id, uint64_t lane, uint64_t epoch) {
  ++resumed_count_;
  uint64_t& resumed = resumed_epochs_[{session_id, lane}];
  if (epoch <= resumed) {
    Blame("the node lets lane " + std::to_string(lane) + " go on by epoch " +
          std::to_string(epoch) + " after " + std::to_string(resumed));
  }
  resumed = epoch;
}

}  // namespace sim
