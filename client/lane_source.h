#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/started_session.h"

namespace client {

// LaneSource asks the relay for one more lane of a session, while everything else goes on.
class LaneSource {
 public:
  using Done = std::function<void(absl::StatusOr<LaneTicket>)>;

  // AskForLane calls `done` once, from the loop, never from inside this call. An error is ready for
  // the user.
  virtual void AskForLane(const std::string& session_id, Done done) = 0;

  // AskToRejoin is AskForLane for another connection of a lane that lost its own; `lane` is the
  // node's number for it. An error that CanRejoinLater is false of is the end of the session.
  virtual void AskToRejoin(const std::string& session_id, uint32_t lane, Done done) = 0;

  // HurryLanes ends what is being asked for this session: each `done` follows soon, with an error
  // if need be.
  virtual void HurryLanes(const std::string& session_id) = 0;

 protected:
  ~LaneSource() = default;
};

// CanRejoinLater is true of an error of AskToRejoin that may pass.
inline bool CanRejoinLater(const absl::Status& status) {
  return !absl::IsNotFound(status) && !absl::IsPermissionDenied(status);
}

}  // namespace client
