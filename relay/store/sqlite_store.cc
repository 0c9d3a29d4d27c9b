#include "relay/store/sqlite_store.h"

#include <utility>

#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "relay/store/schema.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::ByteView;
using engine::crypto::MasterKey;

// KeyCheck is a value that only the key gives, and that gives nothing about the key.
std::string KeyCheck(const MasterKey& key) {
  return engine::ToHex(engine::crypto::HmacSha256(ByteView(key), AsBytes("adit-relay master key")));
}

absl::Status OtherKeyError(std::string_view found, std::string_view given) {
  return absl::PermissionDeniedError(
      "store: it is encrypted under " + std::string(SqliteStore::kOtherMasterKey) + " (" +
      std::string(found.substr(0, 8)) + ") than the one given (" + std::string(given.substr(0, 8)) +
      "); give the master key file that belongs to it");
}

// Changed turns "no row had that id" into NotFound.
absl::Status Changed(const absl::StatusOr<int64_t>& count, std::string_view what) {
  if (!count.ok()) return count.status();
  if (*count == 0) return absl::NotFoundError("there is no such " + std::string(what));
  return absl::OkStatus();
}

absl::Status Done(const absl::StatusOr<int64_t>& count) { return count.status(); }

Node NodeFrom(const SqliteStatement& row) {
  return {.id = row.TextAt(0),
          .name = row.TextAt(1),
          .platform = row.TextAt(2),
          .agent_version = row.TextAt(3),
          .source_ip = row.TextAt(4),
          .activation_id = row.TextAt(5),
          .iam_role = row.TextAt(8),
          .registered_unix_ms = row.IntegerAt(6),
          .last_seen_unix_ms = row.IntegerAt(7)};
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<SqliteDatabase> database, const MasterKey& key)
    : database_(std::move(database)), key_(key), iam_(*database_, key_), documents_(*database_) {}

SqliteStore::~SqliteStore() { engine::crypto::Cleanse(key_); }

Sha256Digest SqliteStore::DeriveKey(std::string_view purpose) const {
  return engine::crypto::HmacSha256(ByteView(key_),
                                    AsBytes("adit-relay derived key: " + std::string(purpose)));
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(
    const SqliteDatabase::Options& options, const MasterKey& key) {
  absl::StatusOr<std::unique_ptr<SqliteDatabase>> database = SqliteDatabase::Open(options);
  if (!database.ok()) return database.status();
  if (absl::Status status = Migrate(**database); !status.ok()) return status;
  std::unique_ptr<SqliteStore> store(new SqliteStore(*std::move(database), key));
  if (absl::Status status = store->CheckMasterKey(); !status.ok()) return status;
  return store;
}

absl::Status SqliteStore::CheckMasterKey() {
  const std::string given = KeyCheck(key_);
  {
    SqliteStatement statement =
        database_->Prepare("SELECT value FROM facts WHERE name = 'master_key_check'");
    const absl::StatusOr<bool> row = statement.Step();
    if (!row.ok()) return row.status();
    if (*row) {
      const std::string found = statement.TextAt(0);
      const bool same = engine::crypto::ConstantTimeEqual(AsBytes(found), AsBytes(given));
      return same ? absl::OkStatus() : OtherKeyError(found, given);
    }
  }
  return Done(database_->Prepare("INSERT INTO facts(name, value) VALUES('master_key_check', ?)")
                  .Blob(AsBytes(given))
                  .Run());
}

absl::Status SqliteStore::RotateMasterKey(const MasterKey& old_key, const MasterKey& new_key) {
  const std::string held = KeyCheck(key_);
  const std::string given = KeyCheck(old_key);
  if (!engine::crypto::ConstantTimeEqual(AsBytes(held), AsBytes(given))) {
    return OtherKeyError(held, given);
  }
  if (absl::Status status = Begin(); !status.ok()) return status;
  if (absl::Status status = EncryptAgain(new_key); !status.ok()) {
    Rollback();
    return status;
  }
  if (absl::Status status = Commit(); !status.ok()) return status;
  key_ = new_key;
  return absl::OkStatus();
}

absl::Status SqliteStore::EncryptAgain(const MasterKey& new_key) {
  std::vector<std::pair<std::string, std::string>> sealed;
  {
    SqliteStatement keys = database_->Prepare("SELECT id, sealed_secret FROM access_keys");
    for (;;) {
      const absl::StatusOr<bool> row = keys.Step();
      if (!row.ok()) return row.status();
      if (!*row) break;
      sealed.emplace_back(keys.TextAt(0), keys.TextAt(1));
    }
  }
  for (const auto& [id, old_sealed] : sealed) {
    absl::StatusOr<std::string> secret =
        engine::crypto::Open(key_, AsBytes(old_sealed), AsBytes(id));
    if (!secret.ok()) return secret.status();
    const std::string again = engine::crypto::Seal(new_key, AsBytes(*secret), AsBytes(id));
    absl::Status status =
        Done(database_->Prepare("UPDATE access_keys SET sealed_secret = ? WHERE id = ?")
                 .Blob(AsBytes(again))
                 .Text(id)
                 .Run());
    if (!status.ok()) return status;
  }
  if (absl::Status status = iam_.EncryptAgain(new_key); !status.ok()) return status;
  return Done(database_->Prepare("UPDATE facts SET value = ? WHERE name = 'master_key_check'")
                  .Blob(AsBytes(KeyCheck(new_key)))
                  .Run());
}

absl::Status SqliteStore::DoBegin() { return database_->Execute("BEGIN IMMEDIATE"); }
absl::Status SqliteStore::DoCommit() { return database_->Execute("COMMIT"); }
void SqliteStore::DoRollback() {
  // A full disk may have rolled back already.
  if (database_->in_transaction()) database_->Execute("ROLLBACK").IgnoreError();
}
absl::Status SqliteStore::DoSave() { return database_->Execute("SAVEPOINT change"); }
absl::Status SqliteStore::DoRelease() { return database_->Execute("RELEASE change"); }
void SqliteStore::DoRollbackToSave() {
  database_->Execute("ROLLBACK TO change; RELEASE change").IgnoreError();
}

absl::Status SqliteStore::AddAccessKey(const AccessKey& key) {
  const std::string sealed = engine::crypto::Seal(key_, AsBytes(key.secret), AsBytes(key.id));
  return Done(database_
                  ->Prepare("INSERT INTO access_keys(id, user_id, user_name, principal,"
                            " sealed_secret, active, created) VALUES(?, ?, ?, ?, ?, ?, ?)")
                  .Text(key.id)
                  .Text(key.user_id)
                  .Text(key.user_name)
                  .Text(key.principal)
                  .Blob(AsBytes(sealed))
                  .Integer(key.active ? 1 : 0)
                  .Integer(key.created_unix_ms)
                  .Run());
}

absl::StatusOr<AccessKey> SqliteStore::FindAccessKey(std::string_view id) {
  SqliteStatement row = database_->Prepare(
      "SELECT user_name, principal, sealed_secret, active, created, user_id FROM access_keys"
      " WHERE id = ?");
  const absl::StatusOr<bool> found = row.Text(id).Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::NotFoundError("there is no such access key");
  const std::string sealed = row.TextAt(2);
  absl::StatusOr<std::string> secret = engine::crypto::Open(key_, AsBytes(sealed), AsBytes(id));
  if (!secret.ok()) {
    return absl::DataLossError("store: the secret of access key " + std::string(id) +
                               " was changed on disk; restore the store, or make a new key");
  }
  return AccessKey{.id = std::string(id),
                   .user_id = row.TextAt(5),
                   .user_name = row.TextAt(0),
                   .principal = row.TextAt(1),
                   .secret = *std::move(secret),
                   .active = row.IntegerAt(3) != 0,
                   .created_unix_ms = row.IntegerAt(4)};
}

absl::StatusOr<bool> SqliteStore::HasAccessKeys() {
  return database_->Prepare("SELECT 1 FROM access_keys LIMIT 1").Step();
}

absl::Status SqliteStore::AddNode(const Node& node) {
  return Done(database_
                  ->Prepare("INSERT INTO nodes(id, name, platform, agent_version, source_ip,"
                            " activation_id, registered, last_seen, iam_role)"
                            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
                  .Text(node.id)
                  .Text(node.name)
                  .Text(node.platform)
                  .Text(node.agent_version)
                  .Text(node.source_ip)
                  .Text(node.activation_id)
                  .Integer(node.registered_unix_ms)
                  .Integer(node.last_seen_unix_ms)
                  .Text(node.iam_role)
                  .Run());
}

absl::StatusOr<Node> SqliteStore::FindNode(std::string_view id) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, name, platform, agent_version, source_ip, activation_id, registered, last_seen,"
      " iam_role FROM nodes WHERE id = ?");
  const absl::StatusOr<bool> found = row.Text(id).Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::NotFoundError("there is no such node");
  return NodeFrom(row);
}

absl::StatusOr<std::vector<Node>> SqliteStore::ListNodes(std::string_view after_id,
                                                         size_t count_max) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, name, platform, agent_version, source_ip, activation_id, registered, last_seen,"
      " iam_role FROM nodes WHERE id > ? ORDER BY id LIMIT ?");
  row.Text(after_id).Integer(static_cast<int64_t>(count_max));
  std::vector<Node> nodes;
  for (;;) {
    const absl::StatusOr<bool> found = row.Step();
    if (!found.ok()) return found.status();
    if (!*found) return nodes;
    nodes.push_back(NodeFrom(row));
  }
}

absl::Status SqliteStore::UpdateNode(const Node& node) {
  return Changed(database_
                     ->Prepare("UPDATE nodes SET name = ?, platform = ?, agent_version = ?,"
                               " source_ip = ?, last_seen = ?, iam_role = ? WHERE id = ?")
                     .Text(node.name)
                     .Text(node.platform)
                     .Text(node.agent_version)
                     .Text(node.source_ip)
                     .Integer(node.last_seen_unix_ms)
                     .Text(node.iam_role)
                     .Text(node.id)
                     .Run(),
                 "node");
}

absl::Status SqliteStore::TouchNode(std::string_view id, int64_t last_seen_unix_ms) {
  return Changed(database_->Prepare("UPDATE nodes SET last_seen = ? WHERE id = ?")
                     .Integer(last_seen_unix_ms)
                     .Text(id)
                     .Run(),
                 "node");
}

absl::Status SqliteStore::AddActivation(const Activation& activation) {
  return Done(database_
                  ->Prepare("INSERT INTO activations(id, code_sha256, description,"
                            " default_node_name, iam_role, registration_limit, registration_count,"
                            " created, expires) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
                  .Text(activation.id)
                  .Blob(activation.code_sha256)
                  .Text(activation.description)
                  .Text(activation.default_node_name)
                  .Text(activation.iam_role)
                  .Integer(activation.registration_limit)
                  .Integer(activation.registration_count)
                  .Integer(activation.created_unix_ms)
                  .Integer(activation.expires_unix_ms)
                  .Run());
}

absl::Status SqliteStore::CountRegistration(std::string_view activation_id) {
  const absl::StatusOr<int64_t> count =
      database_
          ->Prepare(
              "UPDATE activations SET registration_count = registration_count + 1"
              " WHERE id = ? AND registration_count < registration_limit")
          .Text(activation_id)
          .Run();
  if (!count.ok()) return count.status();
  if (*count == 0) return absl::ResourceExhaustedError("the registration limit is reached");
  return absl::OkStatus();
}

}  // namespace relay
