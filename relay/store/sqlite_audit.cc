// The part of SqliteStore that keeps audit events.

#include <charconv>
#include <cstdint>

#include "engine/base/check.h"
#include "relay/store/sqlite_rows.h"
#include "relay/store/sqlite_store.h"

namespace relay {
namespace {

// One event may have several resources of a type.
#define LOOKUP_RESOURCES(member)                                                    \
  "SELECT DISTINCT e.id, e.time, e.name, e.principal, e.record, a.sequence, a.time" \
  " FROM audit_resources a JOIN audit e USING(sequence) WHERE a." member            \
  " = ? AND a.time" LOOKUP_RANGE
#define LOOKUP_COLUMNS "SELECT id, a.time, name, principal, record, a.sequence"
#define LOOKUP_RANGE                                                                         \
  " BETWEEN ? AND ? AND (a.time, a.sequence) < (?, ?) ORDER BY a.time DESC, a.sequence DESC" \
  " LIMIT ?"

// LookupText is a statement that has an index for its order.
const char* LookupText(AuditQuery::By by) {
  using By = AuditQuery::By;
  switch (by) {
    case By::kEverything:
      return LOOKUP_COLUMNS " FROM audit a WHERE '' = ? AND a.time" LOOKUP_RANGE;
    case By::kId:
      return LOOKUP_COLUMNS " FROM audit a WHERE id = ? AND a.time" LOOKUP_RANGE;
    case By::kName:
      return LOOKUP_COLUMNS " FROM audit a WHERE name = ? AND a.time" LOOKUP_RANGE;
    case By::kReadOnly:
      return LOOKUP_COLUMNS " FROM audit a WHERE read_only = (? = 'true') AND a.time" LOOKUP_RANGE;
    case By::kUserName:
      return LOOKUP_COLUMNS " FROM audit a WHERE user_name = ? AND a.time" LOOKUP_RANGE;
    case By::kSource:
      return LOOKUP_COLUMNS " FROM audit a WHERE source = ? AND a.time" LOOKUP_RANGE;
    case By::kAccessKeyId:
      return LOOKUP_COLUMNS " FROM audit a WHERE access_key_id = ? AND a.time" LOOKUP_RANGE;
    case By::kResourceType:
      return LOOKUP_RESOURCES("type");
    case By::kResourceName:
      return LOOKUP_RESOURCES("name");
  }
  CHECK(false);
}

AuditEvent EventFrom(const SqliteStatement& row) {
  return {.id = row.TextAt(0),
          .time_unix_ms = row.IntegerAt(1),
          .name = row.TextAt(2),
          .principal = row.TextAt(3),
          .record = row.TextAt(4),
          .sequence = static_cast<uint64_t>(row.IntegerAt(5))};
}

}  // namespace

absl::Status SqliteStore::AppendAudit(const AuditEvent& event) {
  const absl::Status status =
      database_
          ->Prepare(
              "INSERT INTO audit(id, time, name, principal, record, source, user_name,"
              " access_key_id, read_only) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .Text(event.id)
          .Integer(event.time_unix_ms)
          .Text(event.name)
          .Text(event.principal)
          .Text(event.record)
          .Text(event.source)
          .Text(event.user_name)
          .Text(event.access_key_id)
          .Integer(event.read_only ? 1 : 0)
          .Run()
          .status();
  if (!status.ok() || event.resources.empty()) return status;
  const absl::StatusOr<uint64_t> sequence = LastAudit();
  if (!sequence.ok()) return sequence.status();
  for (const AuditEvent::Resource& resource : event.resources) {
    absl::Status added = database_
                             ->Prepare(
                                 "INSERT OR IGNORE INTO audit_resources(sequence, time, type, name)"
                                 " VALUES(?, ?, ?, ?)")
                             .Integer(static_cast<int64_t>(*sequence))
                             .Integer(event.time_unix_ms)
                             .Text(resource.type)
                             .Text(resource.name)
                             .Run()
                             .status();
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AuditEvent>> SqliteStore::ListAudit(uint64_t after, size_t count_max) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, time, name, principal, record, sequence FROM audit WHERE sequence > ?"
      " ORDER BY sequence LIMIT ?");
  row.Integer(static_cast<int64_t>(after)).Integer(static_cast<int64_t>(count_max));
  return ReadRows(row, EventFrom);
}

absl::StatusOr<std::vector<AuditEvent>> SqliteStore::LookupAudit(const AuditQuery& query) {
  const AuditQuery::Position after = query.after.value_or(AuditQuery::Position{INT64_MAX, 0});
  SqliteStatement row = database_->Prepare(LookupText(query.by));
  row.Text(query.value)
      .Integer(query.from_unix_ms)
      .Integer(query.to_unix_ms)
      .Integer(after.time_unix_ms)
      .Integer(static_cast<int64_t>(after.sequence))
      .Integer(static_cast<int64_t>(query.count_max));
  return ReadRows(row, EventFrom);
}

absl::Status SqliteStore::ForgetAudit(uint64_t sequence, int64_t before_unix_ms, uint64_t kept_max,
                                      size_t count_max) {
  const uint64_t excess = sequence > kept_max ? sequence - kept_max : 0;
  // This is asked several times a second, and as a rule the oldest one may stay.
  SqliteStatement oldest =
      database_->Prepare("SELECT sequence, time FROM audit ORDER BY sequence LIMIT 1");
  const absl::StatusOr<bool> found = oldest.Step();
  if (!found.ok() || !*found) return found.status();
  const bool is_old = oldest.IntegerAt(1) < before_unix_ms;
  if (!is_old && static_cast<uint64_t>(oldest.IntegerAt(0)) > excess) return absl::OkStatus();
  return database_
      ->Prepare(
          "DELETE FROM audit WHERE sequence IN (SELECT sequence FROM (SELECT sequence, time"
          " FROM audit ORDER BY sequence LIMIT ?) WHERE sequence <= ? AND"
          " (time < ? OR sequence <= ?))")
      .Integer(static_cast<int64_t>(count_max))
      .Integer(static_cast<int64_t>(sequence))
      .Integer(before_unix_ms)
      .Integer(static_cast<int64_t>(excess))
      .Run()
      .status();
}

absl::StatusOr<uint64_t> SqliteStore::LastAudit() {
  // Rows that are taken back take their numbers back with them: there is never a gap.
  SqliteStatement row = database_->Prepare("SELECT seq FROM sqlite_sequence WHERE name = 'audit'");
  const absl::StatusOr<bool> found = row.Step();
  if (!found.ok()) return found.status();
  return *found ? static_cast<uint64_t>(row.IntegerAt(0)) : 0;
}

absl::Status SqliteStore::SkipAudit(uint64_t sequence) {
  const absl::StatusOr<int64_t> changed =
      database_->Prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'")
          .Integer(static_cast<int64_t>(sequence))
          .Run();
  if (!changed.ok() || *changed > 0) return changed.status();
  return database_->Prepare("INSERT INTO sqlite_sequence(name, seq) VALUES('audit', ?)")
      .Integer(static_cast<int64_t>(sequence))
      .Run()
      .status();
}

absl::StatusOr<AuditMark> SqliteStore::FindAuditMark() {
  SqliteStatement row = database_->Prepare("SELECT value FROM facts WHERE name = 'audit_mark'");
  const absl::StatusOr<bool> found = row.Step();
  if (!found.ok()) return found.status();
  AuditMark mark;
  if (!*found) return mark;
  const std::string text = row.TextAt(0);
  const char* const end = text.data() + text.size();
  const auto [digits_end, error] = std::from_chars(text.data(), end, mark.sequence);
  const bool good = error == std::errc() && digits_end != end &&
                    engine::FromHex(std::string_view(digits_end + 1, end), mark.hash);
  if (!good) return absl::DataLossError("store: its audit mark is damaged; restore it");
  return mark;
}

absl::Status SqliteStore::SetAuditMark(const AuditMark& mark) {
  const std::string text = std::to_string(mark.sequence) + " " + engine::ToHex(mark.hash);
  return database_->Prepare("INSERT OR REPLACE INTO facts(name, value) VALUES('audit_mark', ?)")
      .Blob(engine::AsBytes(text))
      .Run()
      .status();
}

}  // namespace relay
