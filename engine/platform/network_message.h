// What the kernel says about addresses, routes and interfaces: rtnetlink(7).

#pragma once

#include "engine/base/bytes.h"

namespace engine {

// NetworkMessage is what one datagram of rtnetlink comes to, for whoever has connections.
struct NetworkMessage {
  bool is_change = false;  // Connections may have lost their way.
  bool is_gain = false;  // An address, a route or an interface is there that was not, or is again.
};

// ReadNetworkMessage reads one datagram. What it does not know, or is cut off, counts for nothing;
// that the kernel has lost messages counts as a gain.
NetworkMessage ReadNetworkMessage(ByteView datagram);

}  // namespace engine
