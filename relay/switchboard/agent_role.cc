#include "relay/switchboard/agent_role.h"

#include <algorithm>
#include <utility>

#include "engine/base/log.h"
#include "engine/base/version.h"
#include "engine/wire/session_plan.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

using engine::CloseCode;
using engine::log::Level;

namespace {

// What a stream is to, as a record says it.
constexpr size_t kNewsTextMax = 512;

}  // namespace

AgentRole::AgentRole(Switchboard& switchboard, engine::RecordCarrier& carrier,
                     std::string source_address, Node node)
    : switchboard_(switchboard),
      source_address_(std::move(source_address)),
      node_id_(std::move(node.id)),
      key_sha256_(node.key_sha256),
      serial_(switchboard.NextLinkSerial()),
      port_({.peer_opens = false,
             .circuits_max = kCircuitsMax,
             .link_bytes_max = kLinkBytesMax,
             .control_messages_max = kControlMessagesMax},
            carrier, switchboard.loop().buffers(), *this, switchboard.loop().Now()),
      message_rate_(switchboard.loop().Now()),
      opened_rate_(switchboard.loop().Now()),
      closed_rate_(switchboard.loop().Now()) {
  switchboard_.LinkCame(*this);
}

AgentRole::~AgentRole() {
  *alive_ = false;
  switchboard_.LinkGone(*this);
}

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
  arrival.source_address = source_address_;
  arrival.loop_index = switchboard_.index();
  arrival.link_serial = serial_;
  arrival.is_sealing = engine::HasFeature(hello, engine::kFeatureSealed);
  arrival.is_encrypting = engine::HasFeature(hello, engine::kFeatureEncrypted);
  arrival.is_laning = engine::HasFeature(hello, engine::kFeatureInspectedLanes);
  connected_ = true;
  switchboard_.control().NodeConnected(std::move(arrival),
                                       [this, alive = alive_](const absl::Status& status) {
                                         if (*alive) Admitted(status);
                                       });
}

void AgentRole::Admitted(const absl::Status& status) {
  if (!connected_ || dismissed_) return;  // It failed meanwhile, or another one took its place.
  if (!status.ok()) {
    return port_.Goaway(CloseCode::kDenied, std::string(status.message()));
  }
  switchboard_.NodeAdmitted(*this);
  engine::Hello hello;
  hello.role = "relay";
  hello.features = {std::string(engine::kFeatureSealed), std::string(engine::kFeatureEncrypted)};
  hello.software = std::string("adit-relay/") + engine::kVersion;
  port_.SendHello(hello);
}

void AgentRole::OnControl(const engine::ControlMessage& message) {
  if (!connected_) return;
  if (const auto* renew = std::get_if<engine::RenewCertificate>(&message)) return Renew(*renew);
  if (const auto* news = std::get_if<engine::StreamNews>(&message)) return PassOnNews(*news);
  const bool is_of_session = std::holds_alternative<engine::SessionAnswer>(message) ||
                             std::holds_alternative<engine::SessionOver>(message) ||
                             std::holds_alternative<engine::LanesLost>(message) ||
                             std::holds_alternative<engine::DataKeyRequest>(message);
  if (is_of_session) return PassOn(message);
  // The others are the relay's own to send, and change nothing here.
}

void AgentRole::Renew(const engine::RenewCertificate& renew) {
  switchboard_.control().RenewCertificate(
      switchboard_.index(), {node_id_, key_sha256_, renew.request_pem},
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

void AgentRole::PassOn(const engine::ControlMessage& message) {
  // There is one of each for every session, so an agent that keeps the rules is far below the rate.
  if (!message_rate_.Take(switchboard_.loop().Now())) {
    return port_.Goaway(CloseCode::kTooMany, "messages of sessions come too fast");
  }
  switchboard_.control().NodeSaid(node_id_, message);
}

void AgentRole::PassOnNews(const engine::StreamNews& news) {
  const engine::Instant now = switchboard_.loop().Now();
  const bool in_time = news.is_closed ? closed_rate_.Take(now) : opened_rate_.Take(now);
  if (!in_time || switchboard_.control().IsBehind()) {
    ++missed_news_count_;
    return;
  }
  if (missed_news_count_ > 0) {
    switchboard_.control().NewsMissed(node_id_, std::exchange(missed_news_count_, 0));
  }
  engine::StreamNews shortened = news;
  shortened.what.resize(std::min(shortened.what.size(), kNewsTextMax));
  switchboard_.control().NodeSaid(node_id_, std::move(shortened));
}

void AgentRole::OnOpen(engine::StreamId, engine::Priority, uint64_t, std::string_view) {}

void AgentRole::OnCircuitEnded(Circuit&, CloseCode) {}

void AgentRole::OnFailed(CloseCode code, std::string_view text) {
  engine::log::Write(Level::kWarning, "agent_link_failed",
                     {{"node", node_id_}, {"code", engine::CloseCodeName(code)}, {"why", text}});
  Leave(text);
}

void AgentRole::Dismiss(CloseCode code, std::string_view why) {
  dismissed_ = true;
  port_.Goaway(code, why);
}

void AgentRole::Farewell() { port_.Drain(CloseCode::kShuttingDown, engine::kRelayStoppingText); }

void AgentRole::Disconnected(std::string_view text) {
  port_.EndAll(CloseCode::kNodeGone, "the connection to the node was lost");
  Leave(text);
}

void AgentRole::Leave(std::string_view why) {
  switchboard_.NodeLeft(*this);
  if (!connected_) return;
  connected_ = false;
  if (missed_news_count_ > 0) switchboard_.control().NewsMissed(node_id_, missed_news_count_);
  switchboard_.control().NodeDisconnected(node_id_, serial_, std::string(why));
}

}  // namespace relay
