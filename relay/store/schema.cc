#include "relay/store/schema.h"

#include <array>
#include <cstdint>
#include <string>

#include "relay/store/sqlite_database.h"

namespace relay {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE facts(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE access_keys(
  id TEXT PRIMARY KEY, user_name TEXT NOT NULL, principal TEXT NOT NULL,
  sealed_secret BLOB NOT NULL, active INTEGER NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE activations(
  id TEXT PRIMARY KEY, code_sha256 BLOB NOT NULL, description TEXT NOT NULL,
  default_node_name TEXT NOT NULL, iam_role TEXT NOT NULL, registration_limit INTEGER NOT NULL,
  registration_count INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE nodes(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, platform TEXT NOT NULL, agent_version TEXT NOT NULL,
  source_ip TEXT NOT NULL, activation_id TEXT NOT NULL, registered INTEGER NOT NULL,
  last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions(
  id TEXT PRIMARY KEY, node_id TEXT NOT NULL, principal TEXT NOT NULL, source_ip TEXT NOT NULL,
  document TEXT NOT NULL, reason TEXT NOT NULL, what TEXT NOT NULL, status INTEGER NOT NULL,
  token_sha256 BLOB NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,
  details TEXT NOT NULL
) STRICT;
CREATE TABLE audit(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
  name TEXT NOT NULL, principal TEXT NOT NULL, record TEXT NOT NULL
) STRICT;
)sql";

// How much went through a session, and pages of sessions without reading all of them.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE sessions ADD COLUMN bytes_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN bytes_out INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_by_start ON sessions(started DESC, id DESC);
CREATE INDEX sessions_alive ON sessions(status) WHERE ended = 0;
CREATE INDEX audit_by_time ON audit(time);
)sql";

constexpr std::array<const char*, 2> kMigrations = {kVersion1, kVersion2};

absl::StatusOr<int64_t> ReadVersion(SqliteDatabase& database) {
  SqliteStatement statement = database.Prepare("SELECT version FROM schema_version");
  const absl::StatusOr<bool> row = statement.Step();
  if (!row.ok()) return row.status();
  return *row ? statement.IntegerAt(0) : 0;
}

absl::Status RunSteps(SqliteDatabase& database) {
  const absl::StatusOr<int64_t> version = ReadVersion(database);
  if (!version.ok()) return version.status();
  const auto newest = static_cast<int64_t>(kMigrations.size());
  if (*version > newest || *version < 0) {
    return absl::FailedPreconditionError(
        "store: it was made by a newer adit-relay (its schema is version " +
        std::to_string(*version) + ", this program knows " + std::to_string(newest) +
        "); install that version again, or restore a backup from before the upgrade");
  }
  for (int64_t i = *version; i < newest; ++i) {
    const absl::Status status = database.Execute(kMigrations[static_cast<size_t>(i)]);
    if (!status.ok()) return status;
  }
  if (*version == newest) return absl::OkStatus();
  if (absl::Status status = database.Execute("DELETE FROM schema_version"); !status.ok()) {
    return status;
  }
  return database.Prepare("INSERT INTO schema_version(version) VALUES(?)")
      .Integer(newest)
      .Run()
      .status();
}

}  // namespace

std::span<const char* const> Migrations() { return kMigrations; }

absl::Status Migrate(SqliteDatabase& database) {
  absl::Status status = database.Execute(
      "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS schema_version(version INTEGER NOT NULL) "
      "STRICT");
  if (status.ok()) status = RunSteps(database);
  if (status.ok()) status = database.Execute("COMMIT");
  if (!status.ok() && database.in_transaction()) database.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace relay
