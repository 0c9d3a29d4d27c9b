#include "relay/broker/broker.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/crypto/digest.h"
#include "relay/store/identifiers.h"

namespace relay {
namespace {

using engine::log::Level;

int64_t Milliseconds(std::chrono::milliseconds duration) { return duration.count(); }

}  // namespace

Broker::Broker(Store& store, DataPlane& data_plane) : store_(store), data_plane_(data_plane) {
  live_.reserve(kLiveSessionsMax);
  stream_records_.reserve(kStreamRecordsMax);
}

template <class Change>
absl::Status Broker::Keep(const char* what, Change change) {
  const bool own = !store_.in_transaction();
  absl::Status status = own ? store_.Begin() : absl::OkStatus();
  if (status.ok()) {
    status = change();
    if (own && status.ok()) {
      status = store_.Commit();
    } else if (own) {
      store_.Rollback();
    }
  }
  if (!status.ok() && !absl::IsNotFound(status)) {
    engine::log::Write(Level::kError, "store_failed", {{"at", what}, {"why", status.ToString()}});
  }
  return status;
}

absl::Status Broker::EndLeftovers(int64_t now_unix_ms) {
  return Keep("start", [&]() -> absl::Status {
    for (;;) {
      const absl::StatusOr<std::vector<Session>> left =
          store_.ListSessions({.over = false, .count_max = 500});
      if (!left.ok()) return left.status();
      if (left->empty()) return absl::OkStatus();
      for (const Session& session : *left) {
        constexpr std::string_view kReason = "The relay was restarted.";
        absl::Status status =
            StoreEnd(session.id, SessionStatus::kTerminated, kReason, now_unix_ms);
        if (!status.ok()) return status;
        AuditRecord record = NewServiceEvent("SessionEnded", now_unix_ms);
        record.principal = session.principal;
        record.additional = {{"sessionId", session.id},
                             {"target", session.node_id},
                             {"reason", std::string(kReason)}};
        if (status = AppendAudit(store_, record); !status.ok()) return status;
      }
    }
  });
}

std::variant<StartedSession, StartFailure> Broker::StartSession(const StartRequest& request,
                                                                int64_t now_unix_ms) {
  using Kind = StartFailure::Kind;
  absl::StatusOr<SessionPlan> plan = ResolveDocument(request.document, request.parameters);
  if (!plan.ok()) {
    const bool unknown = absl::IsNotFound(plan.status());
    return StartFailure{unknown ? Kind::kInvalidDocument : Kind::kInvalidParameters,
                        std::string(plan.status().message())};
  }
  const std::optional<NodePlace> place = data_plane_.FindNode(request.node_id);
  if (!place.has_value()) {
    return StartFailure{Kind::kNotConnected, request.node_id + " is not connected."};
  }
  if (live_.size() >= kLiveSessionsMax) return StartFailure{Kind::kTooMany, "Rate exceeded"};

  const std::string token = NewToken();
  SessionGrant grant;
  grant.session_id = NewSessionId(request.user_name);
  grant.node_id = request.node_id;
  grant.principal = request.principal;
  grant.token_sha256 = engine::crypto::Sha256(engine::AsBytes(token));
  grant.plan = *std::move(plan);
  grant.join_max = kJoinMax;
  grant.duration_max = kSessionMax;

  Session session;
  session.id = grant.session_id;
  session.node_id = grant.node_id;
  session.principal = grant.principal;
  session.source_ip = request.source_ip;
  session.document = request.document.empty() ? std::string(kShellDocument) : request.document;
  session.reason = request.reason;
  session.what = Describe(grant.plan);
  session.token_sha256 = grant.token_sha256;
  session.started_unix_ms = now_unix_ms;
  if (absl::Status status = store_.AddSession(session); !status.ok()) {
    engine::log::Write(Level::kError, "store_failed",
                       {{"at", "start_session"}, {"why", status.ToString()}});
    return StartFailure{Kind::kStore, {}};
  }
  StartedSession started{grant.session_id, token, place->loop};
  store_.AfterCommit([this, grant = std::move(grant), now_unix_ms] {
    Live& live = live_[grant.session_id];
    live.node_id = grant.node_id;
    live.principal = grant.principal;
    live.join_by_unix_ms = now_unix_ms + Milliseconds(kJoinMax);
    live.end_by_unix_ms = now_unix_ms + Milliseconds(kSessionMax);
    data_plane_.PrepareSession(grant);
  });
  return started;
}

absl::Status Broker::TerminateSession(std::string_view session_id, std::string_view reason,
                                      int64_t now_unix_ms) {
  const auto found = live_.find(std::string(session_id));
  if (found == live_.end() || found->second.report_by_unix_ms != 0) return absl::OkStatus();
  if (absl::Status status = StoreEnd(session_id, SessionStatus::kTerminated, reason, now_unix_ms);
      !status.ok()) {
    return status;
  }
  store_.AfterCommit([this, id = std::string(session_id), reason = std::string(reason),
                      now_unix_ms] { End(id, SessionStatus::kTerminated, reason, now_unix_ms); });
  return absl::OkStatus();
}

absl::Status Broker::StoreEnd(std::string_view session_id, SessionStatus status,
                              std::string_view reason, int64_t now_unix_ms) {
  return store_.EndSession({.id = std::string(session_id),
                            .status = status,
                            .details = std::string(reason),
                            .ended_unix_ms = now_unix_ms});
}

void Broker::End(std::string_view session_id, SessionStatus status, std::string_view reason,
                 int64_t now_unix_ms) {
  const auto found = live_.find(std::string(session_id));
  if (found == live_.end()) return;
  const std::string id = found->first;
  const bool joined = found->second.joined;
  Keep("end_session", [&]() -> absl::Status {
    absl::Status kept = StoreEnd(id, status, reason, now_unix_ms);
    // Of a session that was joined, the data plane reports the end and the bytes.
    if (kept.ok() && !joined) kept = RecordEnd(id, reason, 0, 0, now_unix_ms);
    return kept;
  }).IgnoreError();
  if (joined) {
    found->second.report_by_unix_ms = now_unix_ms + Milliseconds(kEndReportMax);
    found->second.end_reason = reason;
  } else {
    live_.erase(found);
  }
  data_plane_.EndSession(id, reason);
}

AuditRecord Broker::SessionRecord(std::string_view name, std::string_view session_id,
                                  int64_t now_unix_ms) const {
  AuditRecord record = NewServiceEvent(name, now_unix_ms);
  record.additional.emplace_back("sessionId", session_id);
  if (const auto live = live_.find(std::string(session_id)); live != live_.end()) {
    record.principal = live->second.principal;
    record.additional.emplace_back("target", live->second.node_id);
  }
  return record;
}

absl::Status Broker::RecordEnd(std::string_view session_id, std::string_view reason,
                               uint64_t bytes_in, uint64_t bytes_out, int64_t now_unix_ms) {
  AuditRecord record = SessionRecord("SessionEnded", session_id, now_unix_ms);
  record.additional.emplace_back("reason", reason);
  record.additional.emplace_back("bytesToNode", std::to_string(bytes_in));
  record.additional.emplace_back("bytesFromNode", std::to_string(bytes_out));
  return AppendAudit(store_, record);
}

absl::Status Broker::NodeConnected(const NodeConnection& connection, int64_t now_unix_ms) {
  return Keep("node_connected", [&]() -> absl::Status {
    absl::StatusOr<Node> node = store_.FindNode(connection.node_id);
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

void Broker::NodeDisconnected(std::string_view node_id, std::string_view reason,
                              int64_t now_unix_ms) {
  const bool superseded = IsConnected(node_id);
  Keep("node_disconnected", [&]() -> absl::Status {
    if (absl::Status status = store_.TouchNode(node_id, now_unix_ms); !status.ok()) return status;
    AuditRecord record =
        NewServiceEvent(superseded ? "NodeLinkReplaced" : "NodeDisconnected", now_unix_ms);
    record.principal = node_id;
    record.additional.emplace_back("reason", reason);
    return AppendAudit(store_, record);
  }).IgnoreError();
}

void Broker::SessionJoined(std::string_view session_id, std::string_view source_ip,
                           int64_t now_unix_ms) {
  const auto live = live_.find(std::string(session_id));
  if (live == live_.end()) return;
  live->second.joined = true;
  Keep("session_joined", [&]() -> absl::Status {
    if (absl::Status status = store_.SetSessionConnected(session_id); !status.ok()) return status;
    AuditRecord record = SessionRecord("SessionConnected", session_id, now_unix_ms);
    record.source_ip = source_ip;
    return AppendAudit(store_, record);
  }).IgnoreError();
}

void Broker::SessionEnded(std::string_view session_id, std::string_view reason, uint64_t bytes_in,
                          uint64_t bytes_out, int64_t now_unix_ms) {
  const auto live = live_.find(std::string(session_id));
  if (live == live_.end()) return;
  // Who ended it knows the reason better than who saw the link go.
  const std::string told =
      live->second.end_reason.empty() ? std::string(reason) : live->second.end_reason;
  Flush();
  Keep("session_ended", [&]() -> absl::Status {
    absl::Status status = StoreEnd(session_id, SessionStatus::kTerminated, told, now_unix_ms);
    if (status.ok()) status = store_.SetSessionBytes(session_id, bytes_in, bytes_out);
    if (status.ok()) status = RecordEnd(session_id, told, bytes_in, bytes_out, now_unix_ms);
    return status;
  }).IgnoreError();
  live_.erase(live);
}

void Broker::StreamOpened(std::string_view session_id, uint32_t stream_id, std::string_view what,
                          int64_t now_unix_ms) {
  AuditRecord record = SessionRecord("StreamOpened", session_id, now_unix_ms);
  record.additional.emplace_back("stream", std::to_string(stream_id));
  record.additional.emplace_back("what", what);
  AddStreamRecord(std::move(record));
}

void Broker::StreamClosed(std::string_view session_id, uint32_t stream_id, std::string_view outcome,
                          uint64_t bytes_in, uint64_t bytes_out, int64_t now_unix_ms) {
  AuditRecord record = SessionRecord("StreamClosed", session_id, now_unix_ms);
  record.additional.emplace_back("stream", std::to_string(stream_id));
  record.additional.emplace_back("outcome", outcome);
  record.additional.emplace_back("bytesToNode", std::to_string(bytes_in));
  record.additional.emplace_back("bytesFromNode", std::to_string(bytes_out));
  AddStreamRecord(std::move(record));
}

void Broker::AddStreamRecord(AuditRecord record) {
  if (stream_records_.size() >= 4 * kStreamRecordsMax) {
    ++lost_records_count_;
    return;
  }
  stream_records_.push_back(std::move(record));
  if (stream_records_.size() == kStreamRecordsMax) Flush();
}

void Broker::Flush() {
  if (stream_records_.empty()) return;
  const absl::Status status = Keep("stream_records", [&]() -> absl::Status {
    for (const AuditRecord& record : stream_records_) {
      if (absl::Status kept = AppendAudit(store_, record); !kept.ok()) return kept;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return;  // They stay, for the next time.
  stream_records_.clear();
  if (lost_records_count_ > 0) {
    engine::log::Write(Level::kError, "audit_records_lost",
                       {{"count", std::exchange(lost_records_count_, 0)}});
  }
}

void Broker::Tick(int64_t now_unix_ms) {
  if (!stream_records_.empty() &&
      now_unix_ms - stream_records_.front().time_unix_ms >= kStreamRecordsDelayMs) {
    Flush();
  }
  std::vector<std::string> unjoined, overdue, unreported;
  for (const auto& [id, live] : live_) {
    if (live.report_by_unix_ms != 0) {
      if (now_unix_ms >= live.report_by_unix_ms) unreported.push_back(id);
    } else if (!live.joined && now_unix_ms >= live.join_by_unix_ms) {
      unjoined.push_back(id);
    } else if (now_unix_ms >= live.end_by_unix_ms) {
      overdue.push_back(id);
    }
  }
  for (const std::string& id : unjoined) {
    End(id, SessionStatus::kFailed, "The client did not connect in time.", now_unix_ms);
  }
  for (const std::string& id : overdue) {
    End(id, SessionStatus::kTerminated, "The session reached its maximum duration.", now_unix_ms);
  }
  for (const std::string& id : unreported) SessionEnded(id, "", 0, 0, now_unix_ms);
}

}  // namespace relay
