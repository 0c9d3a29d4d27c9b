// The names by which a TLS ClientHello says what is wanted (ALPN).

#pragma once

#include <string_view>

namespace engine {

// A lane of a session: a connection that the relay joins with another one.
inline constexpr std::string_view kJoinProtocol = "adit-join/1";

// A hint that is never picked: whoever offers it has a session that runs, and comes because of it.
inline constexpr std::string_view kLiveProtocol = "adit-live";

}  // namespace engine
