#pragma once

#include <memory>

#include "relay/broker/data_plane.h"
#include "relay/gateway/conduit.h"
#include "relay/gateway/machine_handshake.h"

namespace relay {

// MakeConduit returns what carries the session: by its kind, by what its client is able to, and by
// whether client and node encrypt it for each other. The host outlives it.
std::unique_ptr<Conduit> MakeConduit(const SessionGrant& grant,
                                     const MachineHandshake::Answer& answer, Conduit::Host& host);

}  // namespace relay
