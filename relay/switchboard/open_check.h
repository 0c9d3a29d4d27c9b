#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "engine/wire/frame.h"
#include "relay/broker/data_plane.h"

namespace relay {

// CheckedOpen is a client's open request held against its session's grant.
struct CheckedOpen {
  engine::CloseCode code = engine::CloseCode::kNormal;  // Else: reject with it ...
  std::string text;                                     // ... and say why.
  std::string request;  // What the agent is sent: the same, under the relay's own session,
                        // principal and user.
  std::string what;     // For the audit trail.
};

// CheckOpen allows what the grant says and nothing else: a shell in a shell session, exactly the
// command, exactly the host and port. Foreign bytes; pure.
// `seconds_left` is how long the session may still last.
CheckedOpen CheckOpen(const SessionGrant& grant, std::string_view request,
                      std::chrono::seconds seconds_left);

}  // namespace relay
