#include "tests/sim/world_keys.h"

#include "engine/platform/wall_clock.h"
#include "tests/support/tls_credentials.h"

namespace sim {

namespace {

using engine::test::Must;

constexpr engine::crypto::Validity kYears = {
    engine::test::kTestNow - engine::test::kTestDay,
    engine::test::kTestNow + 3650 * engine::test::kTestDay};

// The node's: its agent asks for another one when its clock is some hours ahead.
constexpr engine::crypto::Validity kHours = {engine::test::kTestNow - engine::test::kTestDay,
                                             engine::test::kTestNow + 20 * 3600};

}  // namespace

WorldKeys::WorldKeys() : authority(engine::test::TestAuthority("The world's").issuer()) {
  authority_pem = authority.certificate.Pem();
  const engine::crypto::PrivateKey server_key = engine::crypto::PrivateKey::Generate();
  const engine::crypto::ServerNames names = {"relay", {"relay.test"}, {kRelayAddress}};
  const auto server = Must(engine::crypto::IssueServer(authority, server_key, names, kYears));
  engine::TlsServerOptions server_options;
  server_options.identity = {server.Pem() + authority_pem, server_key.Pem()};
  server_options.client_authority_pem = authority_pem;
  server_options.protocols = {"adit/1", "adit-join/1", "adit-api/1", "http/1.1"};
  server_options.clock = engine::UnixNow;
  relay_server = Must(engine::TlsContext::Server(server_options));

  const engine::crypto::PrivateKey node_key = engine::crypto::PrivateKey::Generate();
  const std::string request = Must(engine::crypto::CreateSigningRequest(node_key, kNodeId));
  node = {Must(engine::crypto::IssueClient(authority, request, kNodeId, kHours)).Pem(),
          node_key.Pem()};
  engine::TlsClientOptions options;
  options.trust = engine::TlsTrust::Authority(authority_pem);
  options.clock = engine::UnixNow;
  options.protocols = {"adit-api/1", "http/1.1"};
  api_calls = Must(engine::TlsContext::Client(options));
}

const WorldKeys& WorldKeys::Shared() {
  static const WorldKeys keys;
  return keys;
}

}  // namespace sim
