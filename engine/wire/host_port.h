// "HOST:PORT" as people write it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace engine {

inline constexpr size_t kHostSizeMax = 253;  // RFC 1035 in text form; addresses are shorter.

// HostPort is a name or an address, without brackets, and a port from 1 to 65535.
struct HostPort {
  std::string host;
  uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// ParseHostPort reads "HOST:PORT", "[v6]:PORT", and, when `default_port` is given, "HOST" and
// "[v6]". An IPv6 address without brackets is refused, since its port cannot be told from it. The
// error says what is wrong and what to write. Nothing is resolved.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text,
                                       std::optional<uint16_t> default_port = std::nullopt);

// ParsePort reads 1 to 65535, digits only. Nullopt for anything else.
std::optional<uint16_t> ParsePort(std::string_view text);

// FormatHostPort is the inverse: brackets are put around an IPv6 address.
std::string FormatHostPort(const HostPort& address);

}  // namespace engine
