// The part of SqliteStore that keeps audit events.

#include <charconv>

#include "relay/store/sqlite_store.h"

namespace relay {

absl::Status SqliteStore::AppendAudit(const AuditEvent& event) {
  return database_
      ->Prepare("INSERT INTO audit(id, time, name, principal, record) VALUES(?, ?, ?, ?, ?)")
      .Text(event.id)
      .Integer(event.time_unix_ms)
      .Text(event.name)
      .Text(event.principal)
      .Text(event.record)
      .Run()
      .status();
}

absl::StatusOr<std::vector<AuditEvent>> SqliteStore::ListAudit(uint64_t after, size_t count_max) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, time, name, principal, record, sequence FROM audit WHERE sequence > ?"
      " ORDER BY sequence LIMIT ?");
  row.Integer(static_cast<int64_t>(after)).Integer(static_cast<int64_t>(count_max));
  std::vector<AuditEvent> events;
  for (;;) {
    const absl::StatusOr<bool> found = row.Step();
    if (!found.ok()) return found.status();
    if (!*found) return events;
    events.push_back({.id = row.TextAt(0),
                      .time_unix_ms = row.IntegerAt(1),
                      .name = row.TextAt(2),
                      .principal = row.TextAt(3),
                      .record = row.TextAt(4),
                      .sequence = static_cast<uint64_t>(row.IntegerAt(5))});
  }
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
