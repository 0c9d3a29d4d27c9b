// Whom the plugin believes, and what `adit login` knows of the endpoint.

#pragma once

#include <string>

#include "client/client_config.h"
#include "client/environment.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"

namespace client {

// ConfigOf returns what `adit login` kept when it is about the relay at `endpoint`, and an empty
// configuration otherwise.
ClientConfig ConfigOf(const Environment& environment, const engine::HostPort& endpoint);

// TrustOf decides who may be the server, of the data channel and of the API alike:
//
//     1. the authority that `adit login` kept, or ADIT_CA    where the endpoint is that relay
//     2. AWS_CA_BUNDLE and SSL_CERT_FILE                     each where it is set
//     3. the machine's list
engine::TlsTrust TrustOf(const Environment& environment, const ClientConfig& config);

// AuthorityOf is the same for links of Adit's own protocol, which know no lists: the text of the
// authorities, or empty for the machine's list.
std::string AuthorityOf(const Environment& environment, const ClientConfig& config);

}  // namespace client
