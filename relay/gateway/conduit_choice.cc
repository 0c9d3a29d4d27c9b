#include "relay/gateway/conduit_choice.h"

#include <string>
#include <utility>

#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_version.h"
#include "engine/wire/control.h"
#include "relay/gateway/encrypted_conduit.h"
#include "relay/gateway/multiplexed_conduit.h"
#include "relay/gateway/port_conduit.h"
#include "relay/gateway/program_conduit.h"

namespace relay {
namespace {

std::unique_ptr<Conduit> MakePortConduit(const SessionGrant& grant,
                                         const std::string& client_version, Conduit::Host& host) {
  const ClientTerms& terms = grant.client_terms;
  engine::TcpRequest request;
  request.host = grant.plan.host;
  request.port = grant.plan.port;
  std::string json = engine::EncodeOpen(request);
  const bool is_forwarding =
      terms.port.has_value() && terms.port->type == engine::datachannel::kLocalPortForwarding;
  if (is_forwarding && engine::datachannel::ClientMultiplexesPorts(client_version)) {
    return std::make_unique<MultiplexedConduit>(host, std::move(json), engine::kSessionStreamsMax);
  }
  return std::make_unique<PortConduit>(host, std::move(json), /*is_once=*/!is_forwarding);
}

}  // namespace

std::unique_ptr<Conduit> MakeConduit(const SessionGrant& grant,
                                     const MachineHandshake::Answer& answer, Conduit::Host& host) {
  if (grant.plan.kind == engine::SessionKind::kTcp) {
    return MakePortConduit(grant, answer.client_version, host);
  }
  const ClientTerms& terms = grant.client_terms;
  const bool with_terminal =
      grant.plan.kind == engine::SessionKind::kShell || grant.plan.with_terminal;
  if (!grant.plan.key_id.empty()) {
    return std::make_unique<EncryptedConduit>(
        host, engine::StreamKey{.key_id = grant.plan.key_id,
                                .data_key = answer.data_key,
                                .challenge = answer.challenge,
                                .separates_output = terms.separates_output && !with_terminal,
                                .output_prefix = terms.output_prefix,
                                .error_prefix = terms.error_prefix});
  }
  return std::make_unique<ProgramConduit>(host,
                                          ProgramTerms{.with_terminal = with_terminal,
                                                       .separates_output = terms.separates_output,
                                                       .output_prefix = terms.output_prefix,
                                                       .error_prefix = terms.error_prefix});
}

}  // namespace relay
