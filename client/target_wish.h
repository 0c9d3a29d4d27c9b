#pragma once

#include <string>

#include "client/api_client.h"
#include "engine/wire/host_port.h"

namespace client {

// TargetWish is the wish for a session that opens connections to one port: of the node itself, or
// of a host behind it. The node's id is left out.
SessionWish TargetWish(const engine::HostPort& target, const std::string& reason);

}  // namespace client
