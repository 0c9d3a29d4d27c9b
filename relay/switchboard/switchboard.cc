#include "relay/switchboard/switchboard.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/protocol_names.h"
#include "engine/wire/session_plan.h"
#include "relay/switchboard/agent_role.h"
#include "relay/switchboard/api_role.h"
#include "relay/switchboard/client_role.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/gateway_desk.h"
#include "relay/switchboard/join_role.h"
#include "relay/switchboard/original_desk.h"
#include "relay/switchboard/original_host.h"

namespace relay {

using engine::CloseCode;
using engine::SecureConnection;
using engine::log::Level;

// Visitor is one connection and, once TLS is set up, its role.
class Switchboard::Visitor final : private SecureConnection::Events {
 public:
  explicit Visitor(Switchboard& switchboard)
      : switchboard_(switchboard), connection_(switchboard.driver_.loop(), *this) {
    ++*switchboard_.options_.handshakes;
  }
  ~Visitor() {
    if (is_shaking_hands_) --*switchboard_.options_.handshakes;
  }

  void Adopt(engine::Socket socket, engine::BufferRef first_bytes) {
    connection_.Adopt(
        socket,
        std::make_unique<engine::TlsChannel>(switchboard_.tls_, connection_.loop().buffers()),
        std::move(first_bytes));
  }
  void Farewell() {
    if (role_ != nullptr) return role_->Farewell();
    connection_.Close();
  }
  void Close() { connection_.Close(); }
  bool is_known() const { return role_ != nullptr && role_->is_known(); }
  bool is_busy() const { return role_ != nullptr && role_->is_busy(); }

  engine::ListLinks<Visitor> links;

 private:
  void OnSecured(SecureConnection& connection) override {
    --*switchboard_.options_.handshakes;
    is_shaking_hands_ = false;
    role_ = switchboard_.MakeRole(connection);
    if (role_ == nullptr) return connection.Close();
    if (role_->is_known()) switchboard_.NoStranger(*this);
    connection.SetProtocol(role_->protocol());
  }
  void OnDetached(SecureConnection&, engine::DetachedSocket detached) override {
    role_->Detached(std::move(detached));
    switchboard_.Left(*this);  // Last: it destroys this.
  }
  void OnClosed(SecureConnection&, const engine::ConnectionEnd& end) override {
    if (role_ != nullptr) {
      role_->Disconnected(end.text);
    } else {
      engine::log::Write(Level::kInfo, "handshake_failed", {{"why", end.text}});
    }
    switchboard_.Left(*this);  // Last: it destroys this.
  }

  Switchboard& switchboard_;
  SecureConnection connection_;
  std::unique_ptr<Role> role_;
  bool is_shaking_hands_ = true;
};

// Strangers are the connections of which nobody knows yet who they are, the oldest first. A node is
// known by its certificate and leaves at once; whoever is known later, by what it says, leaves when
// room is made.
class Switchboard::Strangers final {
 public:
  void Add(Visitor& visitor) {
    list_.PushBack(visitor);
    ++count_;
  }
  void Remove(Visitor& visitor) {
    if (!List::IsLinked(visitor)) return;
    list_.Remove(visitor);
    --count_;
  }
  // PopOldest returns nullptr when there is none.
  Visitor* PopOldest() {
    DropKnown();
    Visitor* const oldest = list_.PopFront();
    if (oldest != nullptr) --count_;
    return oldest;
  }
  // DropKnown lets those go that are known by now, up to the oldest who is not.
  void DropKnown() {
    while (list_.front() != nullptr && list_.front()->is_known()) {
      list_.PopFront();
      --count_;
    }
  }
  size_t count() const { return count_; }

 private:
  using List = engine::IntrusiveList<Visitor, &Visitor::links>;
  List list_;
  size_t count_ = 0;
};

Switchboard::Switchboard(const Options& options, engine::LoopDriver& driver,
                         const engine::TlsContext& tls, ControlPort& control)
    : options_(options),
      driver_(driver),
      tls_(tls),
      control_(control),
      strangers_(std::make_unique<Strangers>()),
      lanes_(driver.loop(), options.index, control, [this] { StopIfDone(); }),
      gateway_(std::make_unique<GatewayDesk>(*this, [this] { StopIfDone(); })),
      originals_(std::make_unique<OriginalDesk>(*this, [this] { StopIfDone(); })),
      grace_op_(engine::Handler<engine::Fired>::To<&Switchboard::OnGraceOver>(this)) {}

Switchboard::~Switchboard() {
  CHECK(stopped());
  if (leg_counts_.opened_bytes == 0) return;
  engine::log::Write(Level::kInfo, "tls_leg_bytes",
                     {{"loop", options_.index},
                      {"opened", leg_counts_.opened_bytes},
                      {"opened_apart", leg_counts_.opened_apart_bytes},
                      {"opened_copied", leg_counts_.opened_copied_bytes},
                      {"sealed", leg_counts_.sealed_bytes},
                      {"sealed_in_place", leg_counts_.sealed_in_place_bytes},
                      {"sealed_copied", leg_counts_.sealed_copied_bytes}});
}

void Switchboard::CountLeg(const engine::TlsCounts& counts) {
  leg_counts_.opened_bytes += counts.opened_bytes;
  leg_counts_.opened_apart_bytes += counts.opened_apart_bytes;
  leg_counts_.opened_copied_bytes += counts.opened_copied_bytes;
  leg_counts_.sealed_bytes += counts.sealed_bytes;
  leg_counts_.sealed_in_place_bytes += counts.sealed_in_place_bytes;
  leg_counts_.sealed_copied_bytes += counts.sealed_copied_bytes;
}

// ----------------------------------------------------------------- connections

void Switchboard::Listen(engine::Socket listener, std::function<void(Greeting)> place) {
  CHECK(greeter_ == nullptr);
  greeter_ = std::make_unique<Greeter>(
      driver_.loop(), listener, Greeter::Host{.greeted = std::move(place), .is_crowded = [this] {
                                                return *options_.handshakes >=
                                                       options_.handshakes_max;
                                              }});
}

void Switchboard::Adopt(engine::Socket socket, engine::BufferRef first_bytes) {
  auto visitor = std::make_unique<Visitor>(*this);
  Visitor& adopted = *visitor;
  visitors_.emplace(&adopted, std::move(visitor));
  strangers_->Add(adopted);
  adopted.Adopt(socket, std::move(first_bytes));
  if (stopping_) return adopted.Close();
  if (strangers_->count() > options_.strangers_max) strangers_->DropKnown();
  if (connection_count() > options_.connections_max ||
      strangers_->count() > options_.strangers_max) {
    MakeRoom(adopted);
  }
}

void Switchboard::MakeRoom(Visitor& newest) {
  Visitor* const oldest = strangers_->PopOldest();
  (oldest == nullptr ? newest : *oldest).Close();
}

void Switchboard::NoStranger(Visitor& visitor) { strangers_->Remove(visitor); }

void Switchboard::AdoptCopy(int descriptor, std::string_view first_bytes) {
  const engine::Socket socket = driver_.loop().Adopt(descriptor);
  engine::BufferRef block = driver_.loop().buffers().Take();
  if (block.size() < first_bytes.size()) {
    // The pool has run dry: without its first bytes the connection cannot go on.
    auto visitor = std::make_unique<Visitor>(*this);
    Visitor& adopted = *visitor;
    visitors_.emplace(&adopted, std::move(visitor));
    adopted.Adopt(socket, {});
    return adopted.Close();
  }
  std::memcpy(block.bytes().data(), first_bytes.data(), first_bytes.size());
  Adopt(socket, block.Share(0, first_bytes.size()));
}

std::shared_ptr<void> Switchboard::CountHandshake() {
  ++*options_.handshakes;
  return {nullptr, [count = options_.handshakes](void*) { --*count; }};
}

std::unique_ptr<Role> Switchboard::MakeRole(SecureConnection& connection) {
  const engine::TlsChannel& channel = connection.channel();
  const auto certificate = channel.PeerCertificate();
  const std::string node_id = certificate.ok() ? certificate->common_name() : std::string();
  if (channel.protocol() == engine::kJoinProtocol) {
    return std::make_unique<JoinRole>(*this, connection, node_id);
  }
  if (channel.protocol() != "adit/1") return std::make_unique<ApiRole>(*this, connection);
  if (node_id.empty()) {
    return std::make_unique<ClientRole>(
        *this, connection, connection.loop().PeerAddress(connection.socket()).HostText());
  }
  return std::make_unique<AgentRole>(*this, connection,
                                     connection.loop().PeerAddress(connection.socket()).HostText(),
                                     AgentRole::Node{node_id, certificate->key_fingerprint()});
}

void Switchboard::Left(Visitor& visitor) {
  NoStranger(visitor);
  CHECK(visitors_.erase(&visitor) == 1);
  StopIfDone();
}

void Switchboard::StopIfDone() {
  const bool is_empty =
      visitors_.empty() && lanes_.empty() && gateway_->empty() && originals_->empty();
  if (stopping_ && is_empty) driver_.loop().Cancel(grace_op_);
}

void Switchboard::Stop(engine::Duration grace) {
  if (stopping_) return;
  stopping_ = true;
  if (greeter_ != nullptr) greeter_->Stop();
  const engine::Instant now = driver_.loop().Now();
  grace_end_ = now + grace;
  driver_.loop().StartTimer(grace_op_, std::min(grace_end_, now + kIdleGrace));
  lanes_.Stop();
  gateway_->Stop();
  std::vector<Visitor*> all;
  for (const auto& [visitor, owned] : visitors_) all.push_back(visitor);
  for (Visitor* visitor : all) visitor->Farewell();
  StopIfDone();
}

void Switchboard::OnGraceOver(engine::Fired outcome) {
  if (outcome.error == engine::IoError::kCanceled) return;
  const bool is_last = driver_.loop().Now() >= grace_end_;
  lanes_.CutAll(engine::kRelayStoppingText);
  if (is_last) gateway_->CutAll();
  for (const auto& [visitor, owned] : visitors_) {
    if (is_last || !visitor->is_busy()) visitor->Close();
  }
  if (!is_last) driver_.loop().StartTimer(grace_op_, grace_end_);
}

bool Switchboard::stopped() const {
  return stopping_ && visitors_.empty() && lanes_.empty() && gateway_->empty() &&
         originals_->empty() && !grace_op_.in_flight() &&
         (greeter_ == nullptr || greeter_->stopped());
}

// ----------------------------------------------------------------------- nodes

void Switchboard::LinkCame(AgentRole& agent) { links_.emplace(agent.serial(), &agent); }

void Switchboard::LinkGone(AgentRole& agent) { links_.erase(agent.serial()); }

void Switchboard::NodeAdmitted(AgentRole& agent) {
  AgentRole*& place = agents_[agent.node_id()];
  AgentRole* before = std::exchange(place, &agent);
  if (before != nullptr && before != &agent) {
    before->Dismiss(CloseCode::kReplaced, AgentRole::kReplacedText);
  }
}

void Switchboard::NodeLeft(AgentRole& agent) {
  const auto found = agents_.find(agent.node_id());
  if (found != agents_.end() && found->second == &agent) agents_.erase(found);
}

void Switchboard::DismissLink(uint64_t link_serial, CloseCode code, std::string_view why) {
  const auto found = links_.find(link_serial);
  if (found == links_.end()) return;
  AgentRole& agent = *found->second;
  NodeLeft(agent);
  agent.Dismiss(code, why);
}

AgentRole* Switchboard::FindAgent(const std::string& node_id) {
  const auto found = agents_.find(node_id);
  return found == agents_.end() ? nullptr : found->second;
}

void Switchboard::TellNode(const std::string& node_id, const engine::ControlMessage& message) {
  AgentRole* agent = FindAgent(node_id);
  if (agent == nullptr) return;
  agent->port().Stir(loop().Now());
  agent->port().SendControl(message);
}

// -------------------------------------------------------------------- sessions

void Switchboard::Prepare(const SessionGrant& grant) {
  sessions_.insert_or_assign(grant.session_id,
                             Session{grant, driver_.loop().Now() + grant.duration_max});
}

void Switchboard::End(const std::string& session_id, std::string_view reason) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return;
  ClientRole* client = found->second.client;
  sessions_.erase(found);
  originals_->EndSession(session_id, reason);
  if (client != nullptr) client->End(CloseCode::kSessionEnded, reason);
}

JoinOutcome Switchboard::Join(ClientRole& client, const std::string& session_id,
                              std::string_view token) {
  const JoinOutcome refused{
      CloseCode::kBadToken, "the session is over, or was never here; start a new one", {}, {}};
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) {
    const std::optional<uint32_t> elsewhere = options_.locate(session_id);
    if (!elsewhere.has_value() || *elsewhere == options_.index) return refused;
    return {CloseCode::kElsewhere, std::to_string(*elsewhere), {}, {}};
  }
  Session& session = found->second;
  const engine::crypto::Sha256Digest digest = engine::crypto::Sha256(engine::AsBytes(token));
  if (!engine::crypto::ConstantTimeEqual(digest, session.grant.token_sha256)) return refused;
  if (std::exchange(session.is_joined, true)) {
    return {CloseCode::kBadToken, "the session was joined already", {}, {}};
  }
  session.client = &client;
  return {CloseCode::kNormal, {}, session.grant, session.end_at};
}

bool Switchboard::TakeUp(const std::string& session_id) {
  const auto found = sessions_.find(session_id);
  return found != sessions_.end() && !std::exchange(found->second.is_joined, true);
}

void Switchboard::RenewToken(const std::string& session_id,
                             const engine::crypto::Sha256Digest& token_sha256) {
  const auto found = sessions_.find(session_id);
  if (found != sessions_.end()) found->second.grant.token_sha256 = token_sha256;
}

const SessionGrant* Switchboard::FindGrant(const std::string& session_id) const {
  const auto found = sessions_.find(session_id);
  return found == sessions_.end() ? nullptr : &found->second.grant;
}

void Switchboard::Post(uint32_t loop, std::function<void(Switchboard&)> task) {
  if (loop == options_.index) return task(*this);
  options_.post(loop, std::move(task));
}

void Switchboard::SessionLeft(ClientRole& client, const std::string& session_id) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end() || found->second.client != &client) return;
  sessions_.erase(found);
  originals_->EndSession(session_id, "its client has left");
}

}  // namespace relay
