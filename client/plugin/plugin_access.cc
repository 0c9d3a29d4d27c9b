#include "client/plugin/plugin_access.h"

#include <optional>
#include <string>
#include <utility>

#include "client/api_client.h"
#include "client/role_session.h"
#include "client/say.h"
#include "engine/net/https_client.h"

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

absl::StatusOr<Credentials> EnterRole(engine::LoopDriver& driver, const engine::TlsContext& context,
                                      const engine::SecureUrl& endpoint,
                                      const Environment& environment, Credentials credentials) {
  if (!credentials.role.has_value()) return credentials;
  ApiClient api(
      [&](engine::HttpRequest request) -> absl::StatusOr<engine::HttpResponse> {
        engine::CallResult result =
            engine::CallAndWait(driver, context, endpoint.server, std::move(request));
        if (result.kind == engine::CallResult::Kind::kResponse) return std::move(result.response);
        return absl::UnavailableError(Printable(result.text));
      },
      endpoint.host, std::move(credentials), UnixNow);
  const auto ask = [](const std::string& serial) -> absl::StatusOr<std::string> {
    return absl::FailedPreconditionError("a code of the device " + Printable(serial) +
                                         " would be needed");
  };
  const RoleSession role(ConfigFolder(environment), engine::FormatHostPort(endpoint.server), ask);
  if (absl::Status status = role.Enter(api, UnixNow()); !status.ok()) return status;
  return api.credentials();
}

}  // namespace client
