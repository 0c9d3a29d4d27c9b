#include "client/plugin/plugin_access.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/config_file.h"

namespace client {

ClientConfig ConfigOf(const Environment& environment, const engine::HostPort& endpoint) {
  absl::StatusOr<ClientConfig> config = LoadConfig(environment, {});
  if (!config.ok()) return {};
  const absl::StatusOr<engine::HostPort> relay = engine::ParseHostPort(config->relay, kRelayPort);
  if (!relay.ok() || *relay != endpoint) return {};
  return *std::move(config);
}

namespace {

std::vector<std::string> ListsOf(const Environment& environment) {
  std::vector<std::string> files;
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (std::optional<std::string> file = environment(name)) files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace

engine::TlsTrust TrustOf(const Environment& environment, const ClientConfig& config) {
  if (!config.ca_pem.empty()) return engine::TlsTrust::Authority(config.ca_pem);
  std::vector<std::string> files = ListsOf(environment);
  return files.empty() ? engine::TlsTrust::System() : engine::TlsTrust::Lists(std::move(files));
}

std::string AuthorityOf(const Environment& environment, const ClientConfig& config) {
  if (!config.ca_pem.empty()) return config.ca_pem;
  std::string pem;
  for (const std::string& file : ListsOf(environment)) {
    const absl::StatusOr<std::string> text = ReadSmallFile(file);
    if (text.ok()) pem += *text + "\n";
  }
  return pem;
}

}  // namespace client
