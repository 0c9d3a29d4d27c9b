#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/wire/host_port.h"

namespace client {

enum class DialFailure : uint8_t {
  kUnreachable,  // No TCP connection.
  kHandshake,    // No TLS: another CA, a wrong clock, not TLS at all.
  kEnded,        // TLS, and then an end before anything useful.
};

// DialErrorText explains why there is no connection to the relay and what to do about it; for links
// and API calls alike. `detail` is the connection's own text.
std::string DialErrorText(DialFailure failure, std::string_view detail,
                          const engine::HostPort& relay);

}  // namespace client
