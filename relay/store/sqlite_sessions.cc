// The part of SqliteStore that keeps sessions.

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "relay/store/sqlite_store.h"

namespace relay {
namespace {

constexpr const char* kFindSession =
    "SELECT id, node_id, principal, source_ip, document, reason, what, status, token_sha256,"
    " started, ended, details, bytes_in, bytes_out, owner_id, duration_max, carriage"
    " FROM sessions WHERE id = ?";

// A parameter that is NULL narrows nothing.
constexpr const char* kListSessions =
    "SELECT id, node_id, principal, source_ip, document, reason, what, status, token_sha256,"
    " started, ended, details, bytes_in, bytes_out, owner_id, duration_max, carriage"
    " FROM sessions WHERE (ended <> 0) = ?1 AND started >= ?2 AND started <= ?3"
    " AND (?4 IS NULL OR node_id = ?4) AND (?5 IS NULL OR principal = ?5)"
    " AND (?6 IS NULL OR id = ?6) AND (?7 IS NULL OR status = ?7)"
    " AND (?8 IS NULL OR (started, id) < (?8, ?9))"
    " ORDER BY started DESC, id DESC LIMIT ?10";

Sha256Digest DigestFrom(const std::string& bytes) {
  Sha256Digest digest{};
  std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
  return digest;
}

// Counters are 64-bit without a sign here and with one in SQLite; 8 EiB through one session is not
// a case to serve, only not to wrap.
int64_t ToInteger(uint64_t count) {
  return static_cast<int64_t>(
      std::min(count, static_cast<uint64_t>(std::numeric_limits<int64_t>::max())));
}

Session SessionFrom(const SqliteStatement& row) {
  return {.id = row.TextAt(0),
          .node_id = row.TextAt(1),
          .principal = row.TextAt(2),
          .source_ip = row.TextAt(3),
          .document = row.TextAt(4),
          .reason = row.TextAt(5),
          .what = row.TextAt(6),
          .status = static_cast<SessionStatus>(row.IntegerAt(7)),
          .token_sha256 = DigestFrom(row.TextAt(8)),
          .started_unix_ms = row.IntegerAt(9),
          .ended_unix_ms = row.IntegerAt(10),
          .details = row.TextAt(11),
          .bytes_in = static_cast<uint64_t>(row.IntegerAt(12)),
          .bytes_out = static_cast<uint64_t>(row.IntegerAt(13)),
          .owner_id = row.TextAt(14),
          .duration_seconds_max = row.IntegerAt(15),
          .carriage = ParseCarriage(row.TextAt(16))};
}

void BindOptional(SqliteStatement& statement, const std::optional<std::string>& text) {
  if (text.has_value()) {
    statement.Text(*text);
  } else {
    statement.Null();
  }
}

}  // namespace

absl::Status SqliteStore::AddSession(const Session& session) {
  return database_
      ->Prepare(
          "INSERT INTO sessions(id, node_id, principal, source_ip, document, reason, what,"
          " status, token_sha256, started, ended, details, bytes_in, bytes_out, owner_id,"
          " duration_max, access, carriage)"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Text(session.id)
      .Text(session.node_id)
      .Text(session.principal)
      .Text(session.source_ip)
      .Text(session.document)
      .Text(session.reason)
      .Text(session.what)
      .Integer(static_cast<int64_t>(session.status))
      .Blob(session.token_sha256)
      .Integer(session.started_unix_ms)
      .Integer(session.ended_unix_ms)
      .Text(session.details)
      .Integer(ToInteger(session.bytes_in))
      .Integer(ToInteger(session.bytes_out))
      .Text(session.owner_id)
      .Integer(session.duration_seconds_max)
      .Text(session.access)
      .Text(session.carriage.has_value() ? CarriageText(*session.carriage) : "")
      .Run()
      .status();
}

absl::StatusOr<Session> SqliteStore::FindSession(std::string_view id) {
  SqliteStatement row = database_->Prepare(kFindSession);
  const absl::StatusOr<bool> found = row.Text(id).Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::NotFoundError("there is no such session");
  return SessionFrom(row);
}

absl::StatusOr<std::string> SqliteStore::FindSessionAccess(std::string_view id) {
  SqliteStatement row = database_->Prepare("SELECT access FROM sessions WHERE id = ?");
  const absl::StatusOr<bool> found = row.Text(id).Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::NotFoundError("there is no such session");
  return row.TextAt(0);
}

absl::StatusOr<uint64_t> SqliteStore::FindSessionEpoch(std::string_view id) {
  SqliteStatement row = database_->Prepare("SELECT epoch FROM sessions WHERE id = ?");
  const absl::StatusOr<bool> found = row.Text(id).Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::NotFoundError("there is no such session");
  return static_cast<uint64_t>(row.IntegerAt(0));
}

absl::Status SqliteStore::SetSessionSealed(std::string_view id, std::string_view access) {
  return database_->Prepare("UPDATE sessions SET carriage = ?, access = ? WHERE id = ?")
      .Text(CarriageText(Carriage::kSealed))
      .Text(access)
      .Text(id)
      .Run()
      .status();
}

absl::Status SqliteStore::RaiseSessionEpoch(std::string_view id, uint64_t epoch) {
  const absl::StatusOr<int64_t> changed =
      database_
          ->Prepare("UPDATE sessions SET epoch = ?1 WHERE id = ?2 AND epoch < ?1 AND ended = 0")
          .Integer(ToInteger(epoch))
          .Text(id)
          .Run();
  if (!changed.ok()) return changed.status();
  return *changed == 1 ? absl::OkStatus()
                       : absl::FailedPreconditionError("the epoch is not a new one");
}

absl::StatusOr<std::vector<Session>> SqliteStore::ListSessions(const SessionQuery& query) {
  SqliteStatement row = database_->Prepare(kListSessions);
  row.Integer(query.over ? 1 : 0)
      .Integer(query.started_from.value_or(std::numeric_limits<int64_t>::min()))
      .Integer(query.started_to.value_or(std::numeric_limits<int64_t>::max()));
  BindOptional(row, query.node_id);
  BindOptional(row, query.principal);
  BindOptional(row, query.id);
  if (query.status.has_value()) {
    row.Integer(static_cast<int64_t>(*query.status));
  } else {
    row.Null();
  }
  if (query.after.has_value()) {
    row.Integer(query.after->started_unix_ms).Text(query.after->id);
  } else {
    row.Null().Null();
  }
  row.Integer(static_cast<int64_t>(query.count_max));
  std::vector<Session> sessions;
  for (;;) {
    const absl::StatusOr<bool> found = row.Step();
    if (!found.ok()) return found.status();
    if (!*found) return sessions;
    sessions.push_back(SessionFrom(row));
  }
}

absl::Status SqliteStore::SetSessionConnected(std::string_view id) {
  return database_->Prepare("UPDATE sessions SET status = ? WHERE id = ? AND ended = 0")
      .Integer(static_cast<int64_t>(SessionStatus::kConnected))
      .Text(id)
      .Run()
      .status();
}

absl::Status SqliteStore::MoveSessionStart(std::string_view id, int64_t by_ms) {
  return database_->Prepare("UPDATE sessions SET started = started + ? WHERE id = ? AND ended = 0")
      .Integer(by_ms)
      .Text(id)
      .Run()
      .status();
}

absl::StatusOr<ClockBegin> SqliteStore::FindClockBegin() {
  SqliteStatement row = database_->Prepare("SELECT value FROM facts WHERE name = 'clock_begin'");
  const absl::StatusOr<bool> found = row.Step();
  if (!found.ok()) return found.status();
  if (!*found) return ClockBegin{};
  const std::vector<std::string> parts = absl::StrSplit(row.TextAt(0), ' ');
  ClockBegin begin;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &begin.unix_ms)) {
    return absl::DataLossError("store: its clock's begin is damaged; restore it");
  }
  begin.boot_id = parts[0];
  return begin;
}

absl::Status SqliteStore::SetClockBegin(const ClockBegin& begin) {
  const std::string text = absl::StrCat(begin.boot_id, " ", begin.unix_ms);
  return database_->Prepare("INSERT OR REPLACE INTO facts(name, value) VALUES('clock_begin', ?)")
      .Blob(engine::AsBytes(text))
      .Run()
      .status();
}

absl::Status SqliteStore::EndSession(const SessionEnd& end) {
  return database_
      ->Prepare(
          "UPDATE sessions SET status = ?, details = ?, ended = ?, reported_by = ?,"
          " is_unrecorded = 1 WHERE id = ? AND ended = 0")
      .Integer(static_cast<int64_t>(end.status))
      .Text(end.details)
      .Integer(std::max<int64_t>(end.ended_unix_ms, 1))
      .Text(end.reported_by)
      .Text(end.id)
      .Run()
      .status();
}

absl::Status SqliteStore::SetEndRecorded(std::string_view id, uint64_t bytes_in,
                                         uint64_t bytes_out) {
  return database_
      ->Prepare("UPDATE sessions SET bytes_in = ?, bytes_out = ?, is_unrecorded = 0 WHERE id = ?")
      .Integer(ToInteger(bytes_in))
      .Integer(ToInteger(bytes_out))
      .Text(id)
      .Run()
      .status();
}

absl::StatusOr<std::vector<UnrecordedEnd>> SqliteStore::ListUnrecordedEnds(size_t count_max) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, status, details, ended, reported_by, node_id, principal, carriage, access <> ''"
      " FROM sessions WHERE is_unrecorded = 1 ORDER BY id LIMIT ?");
  row.Integer(static_cast<int64_t>(count_max));
  std::vector<UnrecordedEnd> ends;
  for (;;) {
    const absl::StatusOr<bool> found = row.Step();
    if (!found.ok()) return found.status();
    if (!*found) return ends;
    ends.push_back({.end = {.id = row.TextAt(0),
                            .status = static_cast<SessionStatus>(row.IntegerAt(1)),
                            .details = row.TextAt(2),
                            .ended_unix_ms = row.IntegerAt(3),
                            .reported_by = row.TextAt(4)},
                    .node_id = row.TextAt(5),
                    .principal = row.TextAt(6),
                    .carriage = ParseCarriage(row.TextAt(7)),
                    .outlives_lanes = row.IntegerAt(8) != 0});
  }
}

}  // namespace relay
