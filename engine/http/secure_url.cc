#include "engine/http/secure_url.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace engine {
namespace {

constexpr uint16_t kHttpsPort = 443;

absl::Status Failure(std::string_view scheme, std::string_view why) {
  return absl::InvalidArgumentError("the address is not " + std::string(scheme) +
                                    "://HOST[:PORT]/PATH: " + std::string(why));
}

bool StandsInUrl(char byte) { return byte > ' ' && byte < 0x7F; }

}  // namespace

absl::StatusOr<SecureUrl> ParseSecureUrl(std::string_view scheme, std::string_view url) {
  const std::string prefix = std::string(scheme) + "://";
  if (url.size() > kUrlSizeMax) return Failure(scheme, "it is too long");
  if (!url.starts_with(prefix)) return Failure(scheme, "it begins with another scheme");
  if (!std::ranges::all_of(url, StandsInUrl)) return Failure(scheme, "it has a space or such");
  if (url.find('#') != std::string_view::npos) return Failure(scheme, "it has a fragment");
  url.remove_prefix(prefix.size());
  const size_t host_size = std::min(url.find_first_of("/?"), url.size());
  const std::string_view host = url.substr(0, host_size);
  if (host.find('@') != std::string_view::npos) return Failure(scheme, "it names a user");
  absl::StatusOr<HostPort> server = ParseHostPort(host, kHttpsPort);
  if (!server.ok()) return Failure(scheme, std::string(server.status().message()));
  SecureUrl out{
      .server = *std::move(server), .host = {}, .target = std::string(url.substr(host_size))};
  if (!out.target.starts_with('/')) out.target.insert(0, 1, '/');
  const std::string with_port = FormatHostPort(out.server);
  out.host = out.server.port == kHttpsPort ? with_port.substr(0, with_port.rfind(':')) : with_port;
  return out;
}

absl::StatusOr<std::optional<SecureUrl>> UrlOfVariable(std::string_view name,
                                                       const std::optional<std::string>& value) {
  if (!value.has_value() || value->empty()) return std::nullopt;
  absl::StatusOr<SecureUrl> url = ParseSecureUrl("https", *value);
  if (url.ok()) return *std::move(url);
  return absl::InvalidArgumentError(std::string(name) + ": " + std::string(url.status().message()));
}

}  // namespace engine
