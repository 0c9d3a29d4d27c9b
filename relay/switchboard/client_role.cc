#include "relay/switchboard/client_role.h"

#include <chrono>
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/base/version.h"
#include "engine/wire/session_plan.h"
#include "relay/switchboard/agent_role.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/open_check.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

using engine::CloseCode;

ClientRole::ClientRole(Switchboard& switchboard, engine::RecordCarrier& carrier,
                       std::string source_address)
    : switchboard_(switchboard),
      source_address_(std::move(source_address)),
      open_rate_(switchboard.loop().Now()),
      port_({.peer_opens = true, .circuits_max = engine::kSessionStreamsMax}, carrier,
            switchboard.loop().buffers(), *this, switchboard.loop().Now()) {}

void ClientRole::OnHello(const engine::Hello& hello) {
  if (hello.role != "client") {
    return port_.Goaway(CloseCode::kProtocolError,
                        "only clients come without a certificate; enrol the agent first");
  }
  if (engine::AgreedVersion(engine::Hello{}, hello) == 0) {
    return port_.Goaway(CloseCode::kUnsupported,
                        "no common protocol version; update the older side");
  }
  JoinOutcome outcome = switchboard_.Join(*this, hello.session_id, hello.session_token);
  if (outcome.code == CloseCode::kBadToken) {
    switchboard_.control().JoinRefused(
        {"JoinSession", hello.session_id, source_address_, outcome.text});
  }
  if (outcome.code != CloseCode::kNormal) return port_.Goaway(outcome.code, outcome.text);
  grant_ = std::move(outcome.grant);
  end_at_ = outcome.end_at;
  switchboard_.control().SessionJoined(grant_->session_id, source_address_);
  engine::Hello answer;
  answer.role = "relay";
  answer.software = std::string("adit-relay/") + engine::kVersion;
  port_.SendHello(answer);
  port_.LimitIdle(grant_->idle_max, switchboard_.loop().Now());
}

void ClientRole::OnControl(const engine::ControlMessage&) {}  // None is known from clients yet.

void ClientRole::OnOpen(engine::StreamId id, engine::Priority priority, uint64_t limit,
                        std::string_view request) {
  if (!grant_.has_value()) {
    return port_.Reject(id, CloseCode::kDenied, "no session was joined on this link");
  }
  if (!open_rate_.Take(switchboard_.loop().Now())) {
    return port_.Reject(id, CloseCode::kTooMany, "streams are opened too fast; try again soon");
  }
  if (switchboard_.control().IsBehind()) {
    return port_.Reject(id, CloseCode::kTooMany, "the relay's audit is busy; try again soon");
  }
  const auto seconds_left =
      std::chrono::ceil<std::chrono::seconds>(end_at_ - switchboard_.loop().Now());
  CheckedOpen checked = CheckOpen(*grant_, request, seconds_left);
  if (checked.code != CloseCode::kNormal) return port_.Reject(id, checked.code, checked.text);
  AgentRole* agent = switchboard_.FindAgent(grant_->node_id);
  if (agent == nullptr) {
    return port_.Reject(id, CloseCode::kNodeGone, "the node is not connected");
  }
  agent->port().Stir(switchboard_.loop().Now());
  const StreamReport report{grant_->session_id, switchboard_.NextStreamSerial()};
  if (port_.Connect(id, priority, agent->port(), report.stream_serial, limit, checked.request)) {
    opened_.emplace(report.stream_serial, switchboard_.loop().Now());
    switchboard_.control().StreamOpened(report, checked.what);
  }
}

void ClientRole::OnCircuitEnded(Circuit& circuit, CloseCode code) {
  const uint64_t to_node = circuit.client.flow.received();
  const uint64_t to_client = circuit.node.flow.received();
  to_node_bytes_ += to_node;
  to_client_bytes_ += to_client;
  const auto opened = opened_.extract(circuit.serial);
  CHECK(!opened.empty());
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(
      switchboard_.loop().Now() - opened.mapped());
  switchboard_.control().StreamClosed({grant_->session_id, circuit.serial},
                                      {.what = engine::Describe(grant_->plan),
                                       .outcome = std::string(engine::CloseCodeName(code)),
                                       .to_node_bytes = to_node,
                                       .from_node_bytes = to_client,
                                       .duration_ms = static_cast<uint64_t>(duration.count())});
}

void ClientRole::OnFailed(CloseCode code, std::string_view text) {
  end_reason_ = std::string(text);
  engine::log::Write(
      engine::log::Level::kWarning, "client_link_failed",
      {{"session", grant_.has_value() ? std::string_view(grant_->session_id) : "none"},
       {"code", engine::CloseCodeName(code)},
       {"why", text}});
}

void ClientRole::OnIdle() {
  End(CloseCode::kSessionEnded,
      engine::IdleText(std::chrono::duration_cast<std::chrono::seconds>(grant_->idle_max).count()));
}

void ClientRole::End(CloseCode code, std::string_view reason) {
  end_reason_ = std::string(reason);
  port_.Goaway(code, reason);
}

void ClientRole::Farewell() {
  end_reason_ = engine::kRelayStoppingText;
  port_.Drain(CloseCode::kShuttingDown, end_reason_);
}

void ClientRole::Disconnected(std::string_view text) {
  port_.EndAll(CloseCode::kSessionEnded, "the client's connection ended");
  if (!grant_.has_value()) return;
  switchboard_.SessionLeft(*this, grant_->session_id);
  switchboard_.control().SessionEnded(grant_->session_id,
                                      end_reason_.empty() ? std::string(text) : end_reason_,
                                      to_node_bytes_, to_client_bytes_);
}

}  // namespace relay
