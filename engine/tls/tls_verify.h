// Internal to engine/tls: judging the chain of certificates that the peer sent.

#pragma once

#include <openssl/ssl.h>

namespace engine {

// VerifyPeer is BoringSSL's verification callback. It judges the peer's chain by the settings and
// the host in the connection's TlsVerdict, and writes there what is wrong.
ssl_verify_result_t VerifyPeer(SSL* ssl, uint8_t* alert);

}  // namespace engine
