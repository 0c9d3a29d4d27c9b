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

// IAM. Who had the one access key so far becomes the user of that name, and may still do
// everything. The names of one kind differ in more than their case.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE iam_entities(
  id TEXT PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE,
  path TEXT NOT NULL, created INTEGER NOT NULL, boundary TEXT NOT NULL, trust TEXT NOT NULL,
  description TEXT NOT NULL, session_max INTEGER NOT NULL, UNIQUE(kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_entities_by_boundary ON iam_entities(boundary) WHERE boundary != '';
CREATE TABLE iam_members(
  user_id TEXT NOT NULL REFERENCES iam_entities, group_id TEXT NOT NULL REFERENCES iam_entities,
  PRIMARY KEY(user_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_members_of_group ON iam_members(group_id);
CREATE TABLE iam_inline_policies(
  entity_id TEXT NOT NULL REFERENCES iam_entities, name TEXT NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY(entity_id, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE iam_policies(
  arn TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL COLLATE NOCASE UNIQUE,
  path TEXT NOT NULL, description TEXT NOT NULL, created INTEGER NOT NULL,
  updated INTEGER NOT NULL, default_version INTEGER NOT NULL, newest_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE iam_policy_versions(
  arn TEXT NOT NULL REFERENCES iam_policies, number INTEGER NOT NULL, document TEXT NOT NULL,
  created INTEGER NOT NULL, PRIMARY KEY(arn, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE iam_attachments(
  entity_id TEXT NOT NULL REFERENCES iam_entities, policy_arn TEXT NOT NULL,
  PRIMARY KEY(entity_id, policy_arn)
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_attachments_of_policy ON iam_attachments(policy_arn);
CREATE TABLE iam_tags(
  owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE iam_mfa_devices(
  serial TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL, path TEXT NOT NULL,
  sealed_seed BLOB NOT NULL, user_id TEXT NOT NULL, enabled INTEGER NOT NULL,
  last_step INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_mfa_devices_of_user ON iam_mfa_devices(user_id);
ALTER TABLE access_keys ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN used_service TEXT NOT NULL DEFAULT '';
CREATE INDEX access_keys_of_user ON access_keys(user_id);
INSERT INTO iam_entities
  SELECT 'AIDA' || upper(substr(hex(randomblob(9)), 1, 17)), 1, user_name, '/', min(created), '',
    '', '', 3600
  FROM access_keys GROUP BY user_name;
INSERT INTO iam_attachments SELECT id, 'arn:aws:iam::aws:policy/AditAdmin' FROM iam_entities;
UPDATE access_keys SET user_id =
  (SELECT e.id FROM iam_entities e WHERE e.kind = 1 AND e.name = user_name);
)sql";

// Whose a session is, in the form that policies compare.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE sessions ADD COLUMN owner_id TEXT NOT NULL DEFAULT '';
)sql";

// By what events are looked up. That of the time alone goes on to be used.
constexpr const char* kVersion5 = R"sql(
ALTER TABLE audit ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN access_key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;
UPDATE audit SET source = coalesce(json_extract(record, '$.eventSource'), ''),
  user_name = coalesce(json_extract(record, '$.userIdentity.userName'), ''),
  access_key_id = coalesce(json_extract(record, '$.userIdentity.accessKeyId'), ''),
  read_only = name GLOB 'Describe*' OR name GLOB 'Get*' OR name GLOB 'List*';
CREATE INDEX audit_by_name ON audit(name, time);
CREATE INDEX audit_by_source ON audit(source, time);
CREATE INDEX audit_by_user ON audit(user_name, time);
CREATE INDEX audit_by_access_key ON audit(access_key_id, time);
CREATE INDEX audit_by_read_only ON audit(read_only, time);
CREATE TABLE audit_resources(
  sequence INTEGER NOT NULL REFERENCES audit ON DELETE CASCADE, time INTEGER NOT NULL,
  type TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(sequence, type, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_resources_by_name ON audit_resources(name, time, sequence);
CREATE INDEX audit_resources_by_type ON audit_resources(type, time, sequence);
)sql";

// Session documents that people made, and the roles that nodes were registered with.
constexpr const char* kVersion6 = R"sql(
CREATE TABLE documents(
  name TEXT PRIMARY KEY, target_type TEXT NOT NULL, created INTEGER NOT NULL,
  default_version INTEGER NOT NULL, latest_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE document_versions(
  name TEXT NOT NULL, number INTEGER NOT NULL, version_name TEXT NOT NULL,
  display_name TEXT NOT NULL, format TEXT NOT NULL, content TEXT NOT NULL,
  created INTEGER NOT NULL, PRIMARY KEY(name, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX document_version_names ON document_versions(name, version_name)
  WHERE version_name <> '';
ALTER TABLE nodes ADD COLUMN iam_role TEXT NOT NULL DEFAULT '';
)sql";

// How long a session may last; until then it was a day for all.
constexpr const char* kVersion7 = R"sql(
ALTER TABLE sessions ADD COLUMN duration_max INTEGER NOT NULL DEFAULT 86400;
)sql";

// Sessions may name their node.
constexpr const char* kVersion8 = R"sql(
CREATE INDEX nodes_by_name ON nodes(name);
)sql";

// Nodes that run an original agent, by the keys that they registered.
constexpr const char* kVersion9 = R"sql(
ALTER TABLE nodes ADD COLUMN public_key TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
)sql";

// Sessions that outlive their connections, and the relay.
constexpr const char* kVersion10 = R"sql(
ALTER TABLE sessions ADD COLUMN access TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
)sql";

// In which carriage a session is; of older ones nobody knows.
constexpr const char* kVersion11 = R"sql(
ALTER TABLE sessions ADD COLUMN carriage TEXT NOT NULL DEFAULT '';
)sql";

// Who said that a session is over, and those of which that is not in the audit yet.
constexpr const char* kVersion12 = R"sql(
ALTER TABLE sessions ADD COLUMN reported_by TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN is_unrecorded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_unrecorded ON sessions(id) WHERE is_unrecorded = 1;
)sql";

constexpr std::array<const char*, 12> kMigrations = {kVersion1, kVersion2,  kVersion3,  kVersion4,
                                                     kVersion5, kVersion6,  kVersion7,  kVersion8,
                                                     kVersion9, kVersion10, kVersion11, kVersion12};

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
