#include "relay/broker/broker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/crypto/digest.h"
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

Broker::Broker(Store& store, DataPlane& data_plane)
    : store_(store), data_plane_(data_plane), records_(store) {
  live_.reserve(kLiveSessionsMax);
}

Broker::Live* Broker::Find(std::string_view session_id) {
  const auto found = live_.find(std::string(session_id));
  return found == live_.end() ? nullptr : &found->second;
}

SessionSubject Broker::SubjectOf(std::string_view session_id) {
  const Live* live = Find(session_id);
  return live != nullptr ? live->subject : SessionSubject{std::string(session_id), {}, {}, {}};
}

// ------------------------------------------------------------------- start, end

absl::Status Broker::TakeOver(int64_t now_unix_ms, const GoesOn& goes_on) {
  return records_.Keep("start", [&]() -> absl::Status {
    SessionQuery query{.over = false, .count_max = 500};
    for (;;) {
      const absl::StatusOr<std::vector<Session>> left = store_.ListSessions(query);
      if (!left.ok()) return left.status();
      if (left->empty()) return absl::OkStatus();
      query.after = {left->back().started_unix_ms, left->back().id};
      for (const Session& session : *left) {
        const absl::StatusOr<std::string> access = store_.FindSessionAccess(session.id);
        if (!access.ok()) return access.status();
        const absl::StatusOr<uint64_t> epoch = store_.FindSessionEpoch(session.id);
        if (!epoch.ok()) return epoch.status();
        if (!access->empty() && goes_on(session.id, *access) &&
            GoOn(session, *epoch, now_unix_ms)) {
          continue;
        }
        const absl::Status status =
            records_.EndedNow({session.id, session.node_id, session.principal, session.carriage},
                           {.reason = "The relay was restarted."}, now_unix_ms);
        if (!status.ok()) return status;
      }
    }
  });
}

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
  if (live_.size() >= kLiveSessionsMax) return StartFailure{Kind::kTooMany, "Rate exceeded"};
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
  store_.AfterCommit([this, grant = std::move(grant), gateway_bytes, may_be_sealed, now_unix_ms] {
    gateway_shares_.Add(grant.principal, gateway_bytes);
    Live& live = live_[grant.session_id];
    live.subject = {grant.session_id, grant.node_id, grant.principal, Carriage::kInspected};
    live.join_by_unix_ms = now_unix_ms + milliseconds(kJoinMax).count();
    live.end_by_unix_ms =
        now_unix_ms + std::chrono::duration_cast<milliseconds>(grant.duration_max).count();
    live.key_id = grant.plan.key_id;
    live.gateway_bytes = gateway_bytes;
    if (may_be_sealed) live.unsealed = std::make_unique<SessionGrant>(grant);
    data_plane_.PrepareSession(grant);
  });
  return started;
}

std::optional<StartedSession> Broker::RenewToken(std::string_view session_id) {
  const Live* live = Find(session_id);
  if (live == nullptr || live->state == Live::State::kEnding || live->sealed != nullptr) {
    return std::nullopt;
  }
  StartedSession renewed{live->subject.id, NewToken(), 0};
  store_.AfterCommit([this, id = live->subject.id,
                      digest = engine::crypto::Sha256(engine::AsBytes(renewed.token))] {
    Live* found = Find(id);
    if (found != nullptr) found->unsealed.reset();  // What was started is taken up as it is.
    data_plane_.RenewToken(id, digest);
  });
  return renewed;
}

std::optional<std::string> Broker::KeyOf(std::string_view session_id, std::string_view node_id) {
  const Live* live = Find(session_id);
  const bool is_open = live != nullptr && (live->state == Live::State::kConnecting ||
                                           live->state == Live::State::kConnected);
  if (!is_open || live->subject.node_id != node_id || live->key_id.empty()) return std::nullopt;
  return live->key_id;
}

absl::Status Broker::TerminateSession(std::string_view session_id, std::string_view reason,
                                      int64_t now_unix_ms) {
  const Live* found = Find(session_id);
  if (found == nullptr || !HasStarted(*found) || found->state == Live::State::kEnding) {
    return absl::OkStatus();
  }
  if (absl::Status status =
          records_.End(session_id, SessionStatus::kTerminated, reason, now_unix_ms);
      !status.ok()) {
    return status;
  }
  store_.AfterCommit([this, id = std::string(session_id), why = std::string(reason), now_unix_ms] {
    Live* live = Find(id);
    if (live != nullptr) End(*live, SessionStatus::kTerminated, why, now_unix_ms);
  });
  return absl::OkStatus();
}

absl::Status Broker::Supersede(std::string_view session_id, int64_t now_unix_ms) {
  const Live* live = Find(session_id);
  const bool is_waiting =
      live != nullptr && (live->state == Live::State::kConnecting ||
                          live->state == Live::State::kStarting || live->unsealed != nullptr);
  if (!is_waiting) return absl::OkStatus();
  return TerminateSession(session_id, "Its client asked again.", now_unix_ms);
}

bool Broker::IsLive(std::string_view session_id) {
  const Live* live = Find(session_id);
  return live != nullptr && live->state != Live::State::kEnding;
}

bool Broker::IsAway(std::string_view session_id) {
  const Live* live = Find(session_id);
  if (live == nullptr || live->state != Live::State::kConnected) return false;
  if (live->sealed == nullptr) return live->is_lost;
  return live->sealed->lanes_open == 0 && live->sealed->has_begun;
}

void Broker::Revoke(std::string_view session_id, std::string_view reason, int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr || !HasStarted(*live) || live->state == Live::State::kEnding) return;
  End(*live, SessionStatus::kTerminated, reason, now_unix_ms);
}

bool Broker::HasStarted(const Live& live) {
  return live.state != Live::State::kOffered || live.unsealed != nullptr;
}

void Broker::End(Live& live, SessionStatus status, std::string_view reason, int64_t now_unix_ms) {
  if (live.state == Live::State::kOffered) {  // Then it is inspected again, and stays.
    Settle(live, StartFailure{StartFailure::Kind::kNotConnected, std::string(reason)}, now_unix_ms);
  }
  const bool was_joined = live.state == Live::State::kConnected;
  live.state = Live::State::kEnding;
  live.end_reason = reason;
  live.report_by_unix_ms = now_unix_ms + milliseconds(kEndReportMax).count();
  if (live.sealed == nullptr) data_plane_.EndSession(live.subject.id, reason);
  if (live.sealed == nullptr && !was_joined) return Finish(live, {.status = status}, now_unix_ms);
  // The record follows when the data plane has reported the bytes.
  records_.KeepOrLater("end_session", [this, id = live.subject.id, status,
                                       why = std::string(reason), now_unix_ms] {
    return records_.End(id, status, why, now_unix_ms);
  });
  if (live.sealed != nullptr) CutSealed(live, now_unix_ms);
}

void Broker::Finish(const Live& live, SessionRecords::Ending ending, int64_t now_unix_ms) {
  // Who ended it knows the reason better than who saw the link go.
  if (!live.end_reason.empty()) ending.reason = live.end_reason;
  ending.reported_by = live.reported_by;
  records_.Ended(live.subject, ending, now_unix_ms);
  gateway_shares_.Remove(live.subject.principal, live.gateway_bytes);
  live_.erase(std::string(live.subject.id));
}

// ---------------------------------------------------------------------- reports

absl::Status Broker::NodeConnected(const NodeConnection& connection, int64_t now_unix_ms) {
  return records_.Keep("node_connected", [&]() -> absl::Status {
    absl::StatusOr<Node> node = store_.FindNode(connection.node_id);
    if (absl::IsNotFound(node.status())) {
      return absl::NotFoundError("this node is not registered at the relay any more");
    }
    if (!node.ok()) return node.status();
    if (!connection.name.empty()) node->name = connection.name;
    if (!connection.platform.empty()) node->platform = connection.platform;
    if (!connection.agent_version.empty()) node->agent_version = connection.agent_version;
    node->source_ip = connection.source_ip;
    node->last_seen_unix_ms = now_unix_ms;
    if (absl::Status status = store_.UpdateNode(*node); !status.ok()) return status;
    AuditRecord record = NewServiceEvent("NodeConnected", now_unix_ms);
    record.principal = connection.node_id;
    record.source_ip = connection.source_ip;
    record.additional = {{"name", node->name}, {"agentVersion", node->agent_version}};
    return AppendAudit(store_, record);
  });
}

absl::Status Broker::NodeReturned(const NodeConnection& connection, int64_t now_unix_ms) {
  // Found once for all that come before the next Tick.
  if (nodes_with_sessions_.empty()) {
    for (const auto& [id, live] : live_) {
      if (HasStarted(live)) nodes_with_sessions_.insert(live.subject.node_id);
    }
  }
  // It was registered when they were started, and nobody can deregister it meanwhile.
  if (!nodes_with_sessions_.contains(connection.node_id) || !records_.has_room()) {
    return absl::UnavailableError("the relay cannot write its store; see its log");
  }
  AuditRecord record = NewServiceEvent("NodeConnected", now_unix_ms);
  record.principal = connection.node_id;
  record.source_ip = connection.source_ip;
  record.additional = {{"name", connection.name}, {"agentVersion", connection.agent_version}};
  RecordLater(std::move(record));
  return absl::OkStatus();
}

void Broker::RecordLater(AuditRecord record) {
  records_.KeepOrLater("late_record",
                       [this, record = std::move(record)] { return AppendAudit(store_, record); });
}

void Broker::NodeDisconnected(std::string_view node_id, uint64_t link_serial,
                              std::string_view reason, int64_t now_unix_ms) {
  AuditRecord record = NewServiceEvent(
      IsConnected(node_id) ? "NodeLinkReplaced" : "NodeDisconnected", now_unix_ms);
  record.principal = node_id;
  record.additional.emplace_back("reason", reason);
  records_.KeepOrLater(
      "node_disconnected",
      [this, id = std::string(node_id), record = std::move(record), now_unix_ms]() -> absl::Status {
        const absl::Status status = store_.TouchNode(id, now_unix_ms);
        // One that was deregistered leaves a record all the same.
        if (!status.ok() && !absl::IsNotFound(status)) return status;
        return AppendAudit(store_, record);
      });
  FailOffersOf(link_serial, now_unix_ms);
  if (waiting_lane_count_ > 0) data_plane_.RefuseReturns(link_serial);
}

absl::Status Broker::DeregisterNode(std::string_view node_id, int64_t now_unix_ms) {
  if (absl::Status status = store_.DeleteNode(node_id); !status.ok()) return status;
  store_.AfterCommit([this, id = std::string(node_id), now_unix_ms] { EndNode(id, now_unix_ms); });
  return absl::OkStatus();
}

void Broker::EndNode(const std::string& node_id, int64_t now_unix_ms) {
  constexpr std::string_view kReason = "The node was deregistered.";
  std::vector<std::string> open;
  for (const auto& [id, live] : live_) {
    const bool is_open = HasStarted(live) && live.state != Live::State::kEnding;
    if (is_open && live.subject.node_id == node_id) open.push_back(id);
  }
  for (const std::string& id : open) {
    Live* live = Find(id);
    if (live != nullptr) End(*live, SessionStatus::kTerminated, kReason, now_unix_ms);
  }
  const std::optional<NodePlace> place = data_plane_.FindNode(node_id);
  if (!place.has_value()) return;
  FailOffersOf(place->link_serial, now_unix_ms);
  data_plane_.CutNode(node_id, kReason);
}

void Broker::SessionJoined(std::string_view session_id, std::string_view source_ip,
                           int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr || live->state != Live::State::kConnecting) return;
  live->state = Live::State::kConnected;
  live->unsealed.reset();
  records_.Connected(live->subject, source_ip, now_unix_ms);
}

void Broker::SessionLost(std::string_view session_id, int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr || std::exchange(live->is_lost, true)) return;
  records_.AddOfStream(
      SessionRecords::NewRecord("SessionDisconnected", live->subject, now_unix_ms));
}

void Broker::SessionResumed(std::string_view session_id, std::string_view source_ip,
                            int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr) return;
  live->is_lost = false;
  AuditRecord record = SessionRecords::NewRecord("SessionResumed", live->subject, now_unix_ms);
  record.source_ip = source_ip;
  records_.AddOfStream(std::move(record));  // A client that comes back without end costs no more.
}

bool Broker::SessionEnded(std::string_view session_id, std::string_view reason, uint64_t bytes_in,
                          uint64_t bytes_out, int64_t now_unix_ms) {
  const Live* live = Find(session_id);
  // Who joined while a node was asked to seal it was in no session of ours: it goes on without.
  if (live == nullptr || live->sealed != nullptr) return false;
  if (live->state != Live::State::kConnected && live->state != Live::State::kEnding) return false;
  Finish(*live,
         {.reason = std::string(reason), .bytes_in = bytes_in, .bytes_out = bytes_out},
         now_unix_ms);
  return true;
}

void Broker::StreamOpened(std::string_view session_id, uint32_t stream_id, std::string_view what,
                          int64_t now_unix_ms) {
  records_.StreamOpened({SubjectOf(session_id), stream_id}, what, now_unix_ms);
}

void Broker::StreamClosed(std::string_view session_id, uint32_t stream_id, const StreamEnd& end,
                          int64_t now_unix_ms) {
  records_.StreamClosed({SubjectOf(session_id), stream_id}, end, now_unix_ms);
}

void Broker::Tick(int64_t now_unix_ms) {
  records_.FlushDue(now_unix_ms);
  SaveEpochs();
  nodes_with_sessions_.clear();
  // Collected first: what is done about them takes sessions out of live_.
  std::vector<std::string> due;
  for (const auto& [id, live] : live_) {
    if (now_unix_ms >= DueAt(live)) due.push_back(id);
  }
  for (const std::string& id : due) {
    Live* live = Find(id);
    if (live != nullptr) DoWhatIsDue(*live, now_unix_ms);
  }
}

// DueAt is when a session needs attention if nothing else happens.
int64_t Broker::DueAt(const Live& live) {
  switch (live.state) {
    case Live::State::kOffered:
      return live.sealed->offer->answer_by_unix_ms;
    case Live::State::kStarting:
    case Live::State::kConnecting:
      return live.join_by_unix_ms;
    case Live::State::kConnected: {
      const bool is_alone = live.sealed != nullptr && live.sealed->lanes_open == 0 &&
                            !(live.sealed->may_rejoin && live.sealed->has_begun);
      return is_alone ? live.join_by_unix_ms : live.end_by_unix_ms;
    }
    case Live::State::kEnding:
      return live.report_by_unix_ms;
  }
  CHECK(false);
}

void Broker::DoWhatIsDue(Live& live, int64_t now_unix_ms) {
  switch (live.state) {
    case Live::State::kOffered:
      return Settle(
          live,
          StartFailure{StartFailure::Kind::kCarriage,
                       "The agent of " + live.subject.node_id + " did not answer in time."},
          now_unix_ms);
    case Live::State::kStarting:  // Its transaction was taken back.
      return Withdraw(live.subject.id, kNotStarted);
    case Live::State::kConnecting:
      return End(live, SessionStatus::kFailed, "The client did not connect in time.", now_unix_ms);
    case Live::State::kConnected:
      if (now_unix_ms >= live.end_by_unix_ms) {
        return End(live, SessionStatus::kTerminated, engine::kDurationText, now_unix_ms);
      }
      return End(live, SessionStatus::kFailed, "Client and node did not get through to each other.",
                 now_unix_ms);
    case Live::State::kEnding:
      return Finish(live,
                    live.sealed == nullptr ? SessionRecords::Ending{} : EndingOf(*live.sealed),
                    now_unix_ms);
  }
}

}  // namespace relay
