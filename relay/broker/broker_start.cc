// The part of Broker that starts inspected sessions, and finds out what any session may be.

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/crypto/digest.h"
#include "relay/broker/broker.h"
#include "relay/broker/wish_resolver.h"
#include "relay/documents/builtin_documents.h"
#include "relay/store/identifiers.h"

namespace relay {

using engine::log::Level;
using std::chrono::milliseconds;

namespace {

ClientTerms TermsOf(const ResolvedSession& session) {
  ClientTerms terms;
  terms.session_type = SessionTypeText(session.type);
  if (session.type == SessionType::kPort) {
    terms.port = engine::datachannel::PortProperties{
        .port_number = session.port.port_number,
        .local_port_number = session.port.local_port_number,
        .local_unix_socket = session.port.local_unix_socket,
        .local_connection_type = session.port.local_connection_type,
        .type = session.port.type,
        .host = session.port.host};
  }
  terms.separates_output = session.separates_output;
  terms.output_prefix = session.output_prefix;
  terms.error_prefix = session.error_prefix;
  return terms;
}

// A client that does not say in which carriage is one of AWS's: the gateway's.
uint64_t GatewayBytes(const StartRequest& request, const SessionPlan& plan) {
  if (request.carriage.has_value()) return 0;
  return plan.kind == engine::SessionKind::kTcp ? GatewayShares::kPortBytes
                                                : GatewayShares::kProgramBytes;
}

}  // namespace

WishOutcome Broker::Resolve(const StartRequest& request, Carriage carriage) {
  using Kind = StartFailure::Kind;
  WishOutcome resolved =
      request.resolved != nullptr ? *request.resolved : ResolveWish(store_, documents_, request);
  auto* session = std::get_if<ResolvedSession>(&resolved);
  if (session == nullptr) return resolved;
  session->plan.may_be_link_local = request.may_be_link_local;
  ChooseProfile(store_, request.node_id, *session);
  const bool is_keyed = !session->plan.key_id.empty();
  if (is_keyed && request.carriage.has_value() && IsOriginal(request.node_id)) {
    return StartFailure{
        Kind::kCarriage,
        "The document or the preferences have a kmsKeyId, and amazon-ssm-agent on " +
            request.node_id +
            " encrypts for AWS's own clients alone: start the session with the AWS "
            "CLI, or run Adit's own agent there."};
  }
  const absl::StatusOr<Carriage> chosen = ChooseCarriage(session->carriages, request.carriage);
  if (!chosen.ok()) return StartFailure{Kind::kCarriage, std::string(chosen.status().message())};
  CHECK(*chosen == carriage);
  const std::optional<NodePlace> place = data_plane_.FindNode(request.node_id);
  if (!place.has_value()) {
    return StartFailure{Kind::kNotConnected, request.node_id + " is not connected."};
  }
  const bool is_encrypted = carriage == Carriage::kInspected && is_keyed;
  // An original agent needs no help: its messages and those of AWS's clients pass as they are.
  if (is_encrypted && !place->is_encrypting && !IsOriginal(request.node_id)) {
    return StartFailure{Kind::kCarriage,
                        "The document or the preferences have a kmsKeyId, and the agent of " +
                            request.node_id + " cannot encrypt with it: update it."};
  }
  const size_t session_count = live_.size() + session_promises_.count();
  if (session_count >= kLiveSessionsMax) return StartFailure{Kind::kTooMany, "Rate exceeded"};
  return resolved;
}

bool Broker::IsOriginal(std::string_view node_id) const {
  const absl::StatusOr<Node> node = store_.FindNode(node_id);
  return node.ok() && !node->public_key.empty();
}

std::string Broker::AgentText(const std::string& node_id) const {
  return (IsOriginal(node_id) ? "amazon-ssm-agent on " : "the agent of ") + node_id;
}

std::string Broker::UpdateText(const std::string& node_id) const {
  return IsOriginal(node_id) ? ", as Adit's own agent can" : ": update it";
}

std::chrono::seconds Broker::DurationOf(const ResolvedSession& session) {
  if (session.duration_seconds_max == 0) return kSessionMax;
  return std::min<std::chrono::seconds>(std::chrono::seconds(session.duration_seconds_max),
                                        kSessionMax);
}

Session Broker::ToSession(const StartRequest& request, const ResolvedSession& resolved,
                          std::string_view session_id, Carriage carriage) {
  Session session;
  session.id = session_id;
  session.node_id = request.node_id;
  session.principal = request.principal;
  session.owner_id = request.owner_id;
  session.source_ip = request.source_ip;
  session.document = request.document.empty() ? std::string(kShellDocument) : request.document;
  session.reason = request.reason;
  session.what = Describe(resolved.plan);
  session.duration_seconds_max = DurationOf(resolved).count();
  session.carriage = carriage;
  return session;
}

std::variant<StartedSession, StartFailure> Broker::StartSession(const StartRequest& request,
                                                                int64_t now_unix_ms) {
  WishOutcome resolved = Resolve(request, Carriage::kInspected);
  if (auto* failure = std::get_if<StartFailure>(&resolved)) return std::move(*failure);
  const auto& wanted = std::get<ResolvedSession>(resolved);
  const uint64_t gateway_bytes = GatewayBytes(request, wanted.plan);
  if (!gateway_shares_.Fits(request.principal, gateway_bytes)) {
    return StartFailure{
        StartFailure::Kind::kTooMany,
        "Rate exceeded: this principal, or all together, have as many sessions of AWS's "
        "clients as the relay takes; end some."};
  }

  const std::string token = NewToken();
  SessionGrant grant;
  grant.session_id = NewSessionId(request.user_name);
  grant.node_id = request.node_id;
  grant.is_original = IsOriginal(request.node_id);
  grant.principal = request.principal;
  grant.token_sha256 = engine::crypto::Sha256(engine::AsBytes(token));
  grant.plan = wanted.plan;
  grant.client_terms = TermsOf(wanted);
  grant.run_as = wanted.run_as;
  grant.join_max = kJoinMax;
  grant.duration_max = DurationOf(wanted);
  grant.idle_max = std::chrono::seconds(wanted.idle_seconds_max);

  Session session = ToSession(request, wanted, grant.session_id, Carriage::kInspected);
  session.token_sha256 = grant.token_sha256;
  session.started_unix_ms = now_unix_ms;
  if (absl::Status status = store_.AddSession(session); !status.ok()) {
    engine::log::Write(Level::kError, "store_failed",
                       {{"at", "start_session"}, {"why", status.ToString()}});
    return StartFailure{StartFailure::Kind::kStore, {}};
  }
  StartedSession started{grant.session_id, token, data_plane_.FindNode(request.node_id)->loop};
  const bool may_be_sealed =
      !request.carriage.has_value() && ChooseCarriage(wanted.carriages, Carriage::kSealed).ok();
  store_.AfterCommit([this, grant = std::move(grant), may_be_sealed, now_unix_ms,
                      share = gateway_shares_.Take(request.principal, gateway_bytes),
                      promise = session_promises_.Make()] {
    Live& live = live_[grant.session_id];
    live.subject = {grant.session_id, grant.node_id, grant.principal, Carriage::kInspected};
    live.join_by_unix_ms = now_unix_ms + milliseconds(kJoinMax).count();
    live.end_by_unix_ms =
        now_unix_ms + std::chrono::duration_cast<milliseconds>(grant.duration_max).count();
    live.key_id = grant.plan.key_id;
    live.gateway_share = share;
    if (may_be_sealed) live.unsealed = std::make_unique<SessionGrant>(grant);
    data_plane_.PrepareSession(grant);
  });
  return started;
}

}  // namespace relay
