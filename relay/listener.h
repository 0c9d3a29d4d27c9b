// The relay's listening socket: its own, or one that outlives it.
//
//     service manager --- LISTEN_FDS ---> relay --- SIGTERM ---> gone      the socket stays open at
//           ^                               |                              the manager, and its
//           queue
//           +------- FDSTORE=1 -------------+                              takes who comes
//           meanwhile

#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "relay/config.h"

namespace relay {

// Listener is an open socket, nobody's yet, and the port it has.
struct Listener {
  int descriptor = -1;
  uint16_t port = 0;
};

// OpenListener takes the socket that whoever started the process handed over, or else makes one as
// --listen says, and then gives the service manager a copy for the process after this one. The
// manager's copy of another --listen than today's is not taken. The error says what to do.
absl::StatusOr<Listener> OpenListener(const Config& config);

}  // namespace relay
