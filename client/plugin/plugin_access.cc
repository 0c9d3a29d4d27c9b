#include "client/plugin/plugin_access.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace client {

ClientConfig ConfigOf(const Environment& environment, const engine::HostPort& endpoint) {
  absl::StatusOr<ClientConfig> config = LoadConfig(environment, {});
  if (!config.ok()) return {};
  const absl::StatusOr<engine::HostPort> relay = engine::ParseHostPort(config->relay, kRelayPort);
  if (!relay.ok() || *relay != endpoint) return {};
  return *std::move(config);
}

engine::TlsTrust TrustOf(const Environment& environment, const ClientConfig& config) {
  if (!config.ca_pem.empty()) return engine::TlsTrust::Authority(config.ca_pem);
  std::vector<std::string> files;
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (std::optional<std::string> file = environment(name)) files.push_back(*std::move(file));
  }
  return files.empty() ? engine::TlsTrust::System() : engine::TlsTrust::Lists(std::move(files));
}

}  // namespace client
