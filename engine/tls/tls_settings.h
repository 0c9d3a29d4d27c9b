// Internal to engine/tls: one immutable generation of a TlsContext.

#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tls/tls_context.h"
#include "engine/tls/tls_error.h"
#include "engine/tls/traffic_keys.h"

namespace engine {

enum class TlsRole : uint8_t { kServer, kClient };

class TlsSettings {
 public:
  explicit TlsSettings(TlsRole role) : role(role) {}

  const TlsRole role;
  TlsRecords records = TlsRecords::kInPlace;
  bssl::UniquePtr<SSL_CTX> context;
  // Client: whom to trust, and the parsed anchors of kAuthority and kSystem. Server: kPublicKey, or
  // the anchors of clients, or null when none is asked.
  TlsTrust trust;
  bssl::UniquePtr<X509_STORE> anchors;
  // ALPN, each name with its size before it, as on the wire.
  std::string protocols;
  UnixClock clock;
  UnixClock second_clock;  // Of a client: see TlsClientOptions.
};

// TlsVerdict is what one connection's callbacks are given and what they found.
struct TlsVerdict {
  const TlsSettings* settings = nullptr;
  std::string host;
  TlsError error = TlsError::kNone;
  std::string text;
  std::string anchor_pem;
  // From which exporters come (RFC 8446, 7.5): what BoringSSL gives out only as it makes it.
  TlsSecret exporter_secret;
};

}  // namespace engine
