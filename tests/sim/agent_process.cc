#include "tests/sim/agent_process.h"

#include <signal.h>

#include <utility>

#include "agent/node_state.h"
#include "engine/base/check.h"
#include "engine/crypto/base64.h"
#include "tests/sim/crowd.h"
#include "tests/sim/played_programs.h"
#include "tests/sim/world_keys.h"
#include "tests/support/tls_credentials.h"

namespace sim {

void SaveNode(const std::string& folder) {
  const WorldKeys& keys = WorldKeys::Shared();
  const agent::NodeState state{
      .relay = RelayAt(),
      .node_id = kNodeId,
      .name = "web-1",
      .private_key_pem = keys.node.private_key_pem,
      .certificate_pem = keys.node.certificate_chain_pem,
      .authority_pem = keys.authority_pem,
      .identity_seed = engine::crypto::EncodeBase64(engine::AsBytes(std::string(32, 'n'))),
      .known_unix = kWorldStartMs / 1000};
  CHECK(agent::PrepareStateFolder(folder).ok());
  CHECK(agent::SaveNodeState(folder, state).ok());
}

AgentProcess::AgentProcess(engine::sim::SimWorld& world, uint16_t block_count,
                           const std::string& folder, Server& server)
    : Process(world, kNodeHost, block_count) {
  agent::AgentOptions options{.state_folder = folder, .version = "sim"};
  options.sessions_max = Crowd::kNodeSessionsMax;
  options.programs = std::make_unique<PlayedPrograms>(loop(), server);
  agent_ = engine::test::Must(agent::Agent::Create(
      driver(), engine::test::Must(agent::LoadNodeState(folder)), std::move(options)));
  agent_->Start();
}

// The signal is there for whoever reads first: one agent at a time is not leaving.
void AgentProcess::Stop() { CHECK(::raise(SIGTERM) == 0); }

}  // namespace sim
