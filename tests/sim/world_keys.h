// Keys, certificates and names of the simulated world. Made once: they cost more than a run.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/crypto/certificate.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"

namespace sim {

inline constexpr char kNodeId[] = "mi-0123456789abcdef0";
inline constexpr char kRelayAddress[] = "10.0.0.1";
inline constexpr uint16_t kRelayPort = 443;
inline constexpr char kServerAddress[] =
    "10.9.0.1";  // Where the forward leads, as the node sees it.
inline constexpr uint16_t kServerPort = 5432;
inline constexpr char kUser[] = "alice";
inline constexpr char kUserPolicy[] = "arn:aws:iam::aws:policy/AditAdmin";
inline constexpr int64_t kWorldStartMs = 1'800'000'000'000;  // What the wall clock says at first.

inline engine::HostPort RelayAt() { return {kRelayAddress, kRelayPort}; }

struct WorldKeys {
  WorldKeys();

  engine::crypto::Issuer authority;
  std::string authority_pem;
  engine::TlsIdentity node;
  std::unique_ptr<engine::TlsContext> relay_server;  // For the relay.
  std::unique_ptr<engine::TlsContext> api_calls;     // For the client's calls.

  static const WorldKeys& Shared();
};

}  // namespace sim
