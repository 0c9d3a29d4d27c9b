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

absl::Status Done(const absl::StatusOr<int64_t>& count) { return count.status(); }

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

absl::Status SqliteStore::DoBegin() {
  if (absl::Status status = database_->CheckFile(); !status.ok()) return status;
  return Done(database_->Prepare("BEGIN IMMEDIATE").Run());
}
absl::Status SqliteStore::DoCommit() { return Done(database_->Prepare("COMMIT").Run()); }
void SqliteStore::DoRollback() {
  // A full disk may have rolled back already.
  if (database_->in_transaction()) database_->Execute("ROLLBACK").IgnoreError();
}
// A row that needs pages, and leaves them to what is written next: on a full disk what only changes
// a page succeeds where nothing else does.
absl::Status SqliteStore::DoTouch() {
  absl::Status status = Done(database_
                                 ->Prepare("INSERT OR REPLACE INTO facts(name, value)"
                                           " VALUES('touched', zeroblob(65536))")
                                 .Run());
  if (!status.ok()) return status;
  return Done(database_->Prepare("DELETE FROM facts WHERE name = 'touched'").Run());
}
absl::Status SqliteStore::DoSave() { return Done(database_->Prepare("SAVEPOINT change").Run()); }
absl::Status SqliteStore::DoRelease() { return Done(database_->Prepare("RELEASE change").Run()); }
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

}  // namespace relay
