#include "client/plugin/plugin_access.h"

#include <optional>
#include <string>
#include <utility>

namespace client {

ClientConfig ConfigOf(const Environment& environment, const engine::HostPort& endpoint) {
  absl::StatusOr<ClientConfig> config = LoadConfig(environment, {});
  if (!config.ok()) return {};
  const absl::StatusOr<engine::HostPort> relay = engine::ParseHostPort(config->relay, kRelayPort);
  if (!relay.ok() || *relay != endpoint) return {};
  return *std::move(config);
}

PluginTrust TrustOf(const Environment& environment, const ClientConfig& config) {
  PluginTrust trust{.authority_pem = config.ca_pem};
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (std::optional<std::string> file = environment(name))
      trust.lists.push_back(*std::move(file));
  }
  return trust;
}

}  // namespace client
