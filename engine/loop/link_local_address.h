#pragma once

#include "engine/loop/address.h"

namespace engine {

// IsLinkLocal is true of addresses to which a session may only go when a policy names them: IPv4
// and IPv6 link-local ones, behind which clouds keep what each machine may know only, the metadata
// services of clouds that have theirs elsewhere, and IPv6 addresses that hold such an IPv4 one. It
// looks at what a host was resolved to, so that no way of writing an address gets past it.
bool IsLinkLocal(const Address& address);

}  // namespace engine
