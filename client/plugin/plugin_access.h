// Whom the plugin believes, and what `adit login` knows of the endpoint.

#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/client_config.h"
#include "client/credentials.h"
#include "client/environment.h"
#include "engine/http/secure_url.h"
#include "engine/net/loop_driver.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"

namespace client {

// ConfigOf returns what `adit login` kept when it is about the relay at `endpoint`, and an empty
// configuration otherwise.
ClientConfig ConfigOf(const Environment& environment, const engine::HostPort& endpoint);

// PluginTrust says who may be the server, of the data channel, the API and links alike:
//
//     1. the authority that `adit login` kept, or ADIT_CA    where the endpoint is that relay
//     2. AWS_CA_BUNDLE and SSL_CERT_FILE                     each where it is set
//     3. the machine's list
struct PluginTrust {
  std::string authority_pem;       // 1, or empty.
  std::vector<std::string> lists;  // 2; empty: 3.

  engine::TlsTrust ForTls() const {
    return authority_pem.empty() ? engine::TlsTrust::Lists(lists)
                                 : engine::TlsTrust::Authority(authority_pem);
  }
};
PluginTrust TrustOf(const Environment& environment, const ClientConfig& config);

// EnterRole makes of the key that a profile names the session of the role that it wants, which the
// endpoint's STS gives, and waits for it. Nobody is asked for a code: the CLI has the terminal. An
// error is for people.
absl::StatusOr<Credentials> EnterRole(engine::LoopDriver& driver, const engine::TlsContext& context,
                                      const engine::SecureUrl& endpoint,
                                      const Environment& environment, Credentials credentials);

}  // namespace client
