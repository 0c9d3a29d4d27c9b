// From what the machine said of a session to who has its bytes.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/forward_spec.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/session_user.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/loop/loop.h"

namespace client {

struct UserContext {
  std::string session_id;
  std::string bind;         // Where ports are opened, instead of the loopback addresses.
  uint16_t local_port = 0;  // Where the document leaves the port open; 0: any free one.
  engine::Socket in;
  engine::Socket out;
  int terminal = -1;  // A descriptor that may be one.
};

// LocalEndOf returns where a port session listens. The error is for people.
absl::StatusOr<ForwardSpec> LocalEndOf(const engine::datachannel::PortProperties& properties,
                                       const std::string& bind);

// MakeUser makes and starts the user of a session of this kind. An error, for people: the local end
// cannot be had.
absl::StatusOr<std::unique_ptr<SessionUser>> MakeUser(const SessionKind& kind, engine::Loop& loop,
                                                      ChannelSession& session,
                                                      const UserContext& options,
                                                      SessionUser::Events& events);

}  // namespace client
