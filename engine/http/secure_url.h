// The two kinds of address that the plugin is given: wss:// of a data channel, https:// of an API.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/wire/host_port.h"

namespace engine {

inline constexpr size_t kUrlSizeMax = 4096;

struct SecureUrl {
  HostPort server;
  std::string host;    // As it stands in the Host header: with its port where that is not 443.
  std::string target;  // Path and query, never empty.

  friend bool operator==(const SecureUrl&, const SecureUrl&) = default;
};

// ParseSecureUrl reads an address of the scheme "wss" or "https". Nothing else is understood: no
// user, no fragment, no byte that would have to be escaped. The error is for people and does not
// repeat the address, which may hold a secret.
absl::StatusOr<SecureUrl> ParseSecureUrl(std::string_view scheme, std::string_view url);

// UrlOfVariable reads a variable that names an API, or is not set, or empty: then there is none.
// The error names it.
inline constexpr const char* kKeyServiceVariable = "AWS_ENDPOINT_URL_KMS";
absl::StatusOr<std::optional<SecureUrl>> UrlOfVariable(std::string_view name,
                                                       const std::optional<std::string>& value);

}  // namespace engine
