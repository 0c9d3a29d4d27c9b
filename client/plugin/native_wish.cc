#include "client/plugin/native_wish.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "client/plugin/user_choice.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/wire/host_port.h"

namespace client {
namespace {

constexpr std::string_view kPort = "AWS-StartPortForwardingSession";
constexpr std::string_view kRemoteHost = "AWS-StartPortForwardingSessionToRemoteHost";
constexpr std::string_view kSocket = "AWS-StartPortForwardingSessionToSocket";
constexpr char kDefaultPort[] = "80";  // Of all three documents.
constexpr char kDefaultHost[] = "localhost";

constexpr std::array<std::string_view, 3> kAwsDomains = {".amazonaws.com", ".amazonaws.com.cn",
                                                         ".api.aws"};

bool IsAws(std::string_view host) {
  return std::ranges::any_of(kAwsDomains,
                             [&](std::string_view domain) { return host.ends_with(domain); });
}

}  // namespace

std::optional<ForwardSpec> NativeWishOf(const PluginStart& start, const Environment& environment) {
  if (environment("ADIT_PLUGIN_NATIVE").value_or("") == "0") return std::nullopt;
  if (IsAws(start.ticket.stream.server.host)) return std::nullopt;
  const std::string& document = start.request.document;
  if (document != kPort && document != kRemoteHost && document != kSocket) return std::nullopt;
  const auto parameter = [&](const char* name, const char* otherwise) -> std::string {
    const auto found = start.request.parameters.find(name);
    return found == start.request.parameters.end() ? otherwise : found->second;
  };
  absl::StatusOr<ForwardSpec> spec =
      LocalEndOf({.local_port_number = parameter("localPortNumber", ""),
                  .local_unix_socket = parameter("localUnixSocket", ""),
                  .local_connection_type = document == kSocket ? "unix" : ""},
                 environment("ADIT_PLUGIN_BIND").value_or(""));
  const std::optional<uint16_t> port = engine::ParsePort(parameter("portNumber", kDefaultPort));
  // What is wrong with it is said by those who know better.
  if (!spec.ok() || !port.has_value()) return std::nullopt;
  spec->host = document == kRemoteHost ? parameter("host", kDefaultHost) : kDefaultHost;
  spec->port = *port;
  return *std::move(spec);
}

}  // namespace client
