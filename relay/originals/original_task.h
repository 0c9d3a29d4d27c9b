#pragma once

#include <memory>
#include <string>
#include <variant>

#include "engine/datachannel/control_payloads.h"
#include "engine/wire/control.h"
#include "engine/wire/frame.h"
#include "relay/broker/data_plane.h"
#include "relay/originals/outward_conduit.h"

namespace relay {

// OriginalTask is what an original agent is told for a stream that was opened, or why it is not.
struct OriginalTask {
  engine::CloseCode code = engine::CloseCode::kNormal;  // Else: reject with it ...
  std::string text;                                     // ... and say why.
  engine::datachannel::StartTask start;
  bool is_port = false;
  // It begins with a handshake; otherwise with its first output, or after a while.
  bool shakes_hands = false;
  bool with_terminal = false;
  engine::TerminalSize size;
};

// The largest message that tells it; a command line that makes it larger is refused.
inline constexpr size_t kStartTaskSizeMax = 56 * 1024;

// TaskOf makes a task of an open request, which the switchboard has held against the grant.
OriginalTask TaskOf(std::string_view request);

// TaskOf makes the task of a session whose client speaks with the agent itself.
OriginalTask TaskOf(const SessionGrant& grant);

}  // namespace relay
