#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"

namespace agent {

// RelayAccess is how this node comes to its relay: where it is, whom to trust, who we are.
struct RelayAccess {
  engine::HostPort address;
  std::string authority_pem;
  engine::TlsIdentity node;
  int64_t known_unix = 0;  // See node_clock.h.
};

// JoinContext is the TLS context for join connections: ALPN `adit-join/1`.
class JoinContext {
 public:
  explicit JoinContext(RelayAccess access) : access_(std::move(access)) {}

  // Renew takes another certificate for joins from now on.
  void Renew(RelayAccess access);

  // Get returns the context; any thread may use it. It is made when it is first needed. An error is
  // that of TlsContext::Client.
  absl::StatusOr<std::shared_ptr<const engine::TlsContext>> Get();

  const engine::HostPort& address() const { return access_.address; }

 private:
  RelayAccess access_;
  std::shared_ptr<const engine::TlsContext> context_;
};

}  // namespace agent
