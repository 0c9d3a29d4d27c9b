#include "relay/switchboard/agent_role.h"

#include <utility>

#include "engine/base/log.h"
#include "engine/base/version.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

using engine::CloseCode;
using engine::log::Level;

AgentRole::AgentRole(Switchboard& switchboard, engine::SecureConnection& connection,
                     std::string node_id)
    : switchboard_(switchboard),
      connection_(connection),
      node_id_(std::move(node_id)),
      serial_(switchboard.NextLinkSerial()),
      port_({.peer_opens = false, .circuits_max = kCircuitsMax, .link_bytes_max = kLinkBytesMax},
            connection, connection.loop().buffers(), *this, connection.loop().Now()) {}

AgentRole::~AgentRole() { *alive_ = false; }

void AgentRole::OnHello(const engine::Hello& hello) {
  if (hello.role != "agent") {
    return port_.Goaway(CloseCode::kProtocolError, "a node's certificate is for its agent only");
  }
  if (engine::AgreedVersion(engine::Hello{}, hello) == 0) {
    return port_.Goaway(CloseCode::kUnsupported,
                        "no common protocol version; update the older side");
  }
  NodeArrival arrival;
  arrival.node_id = node_id_;
  arrival.name = hello.node_name;
  arrival.platform = hello.platform;
  arrival.software = hello.software;
  arrival.source_address = connection_.loop().PeerAddress(connection_.socket()).HostText();
  arrival.loop_index = switchboard_.index();
  arrival.link_serial = serial_;
  connected_ = true;
  switchboard_.control().NodeConnected(std::move(arrival),
                                       [this, alive = alive_](const absl::Status& status) {
                                         if (*alive) Admitted(status);
                                       });
}

void AgentRole::Admitted(const absl::Status& status) {
  if (!connected_) return;  // It failed meanwhile.
  if (!status.ok()) {
    return port_.Goaway(CloseCode::kDenied, std::string(status.message()));
  }
  switchboard_.NodeAdmitted(*this);
  engine::Hello hello;
  hello.role = "relay";
  hello.software = std::string("adit-relay/") + engine::kVersion;
  port_.SendHello(hello);
}

void AgentRole::OnControl(const engine::ControlMessage& message) {
  const auto* renew = std::get_if<engine::RenewCertificate>(&message);
  if (renew == nullptr) return;  // Not known here; perhaps of a newer agent.
  switchboard_.control().RenewCertificate(
      switchboard_.index(), node_id_, renew->request_pem,
      [this, alive = alive_](absl::StatusOr<std::string> certificate) {
        if (!*alive) return;
        if (!certificate.ok()) {
          engine::log::Write(
              Level::kWarning, "certificate_not_renewed",
              {{"node", node_id_}, {"why", std::string(certificate.status().message())}});
          return;
        }
        port_.SendControl(engine::CertificateRenewed{*std::move(certificate)});
      });
}

void AgentRole::OnOpen(engine::StreamId, engine::Priority, uint64_t, std::string_view) {}

void AgentRole::OnCircuitEnded(Circuit&, CloseCode) {}

void AgentRole::OnFailed(CloseCode code, std::string_view text) {
  engine::log::Write(Level::kWarning, "agent_link_failed",
                     {{"node", node_id_}, {"code", engine::CloseCodeName(code)}, {"why", text}});
  Leave(text);
}

void AgentRole::Replaced() { port_.Goaway(CloseCode::kReplaced, "this node connected anew"); }

void AgentRole::Farewell() { port_.Drain(CloseCode::kShuttingDown, "the relay is stopping"); }

void AgentRole::Disconnected(std::string_view text) {
  port_.EndAll(CloseCode::kNodeGone, "the connection to the node was lost");
  Leave(text);
}

void AgentRole::Leave(std::string_view why) {
  switchboard_.NodeLeft(*this);
  if (!connected_) return;
  connected_ = false;
  switchboard_.control().NodeDisconnected(node_id_, serial_, std::string(why));
}

}  // namespace relay
