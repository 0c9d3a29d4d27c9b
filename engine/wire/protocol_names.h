// The names by which a TLS ClientHello says what is wanted (ALPN).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

// A lane of a session: a connection that the relay joins with another one.
inline constexpr std::string_view kJoinProtocol = "adit-join/1";

// Calls of the API, in HTTP/1.1, whose connection a POST to kJoinTarget makes one of kJoinProtocol.
// Who does not know it speaks plain HTTP/1.1.
inline constexpr std::string_view kApiProtocol = "adit-api/1";
inline constexpr std::string_view kJoinTarget = "/join";

// Hints that are never picked. Behind this stands the number of the relay's loop on which the lane,
// or the session, is.
inline constexpr std::string_view kLoopPrefix = "adit-loop/";
inline std::string LoopHint(uint32_t loop) {
  return std::string(kLoopPrefix) + std::to_string(loop);
}

// Whoever offers this has a session that runs, and comes because of it.
inline constexpr std::string_view kLiveProtocol = "adit-live";

}  // namespace engine
