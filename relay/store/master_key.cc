#include "relay/store/master_key.h"

#include "engine/base/bytes.h"
#include "engine/crypto/random_bytes.h"
#include "relay/store/private_file.h"

namespace relay {

using engine::crypto::MasterKey;

MasterKey NewMasterKey() {
  MasterKey key;
  engine::crypto::FillRandom(key);
  return key;
}

absl::StatusOr<MasterKey> ReadMasterKeyFile(const std::string& path) {
  absl::StatusOr<std::string> content = ReadPrivateFile(path);
  if (!content.ok()) return content.status();
  std::string_view text = *content;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  MasterKey key;
  if (!engine::FromHex(text, key)) {
    return absl::InvalidArgumentError(
        path + " is not a master key: it must be 64 hexadecimal digits on one line");
  }
  return key;
}

absl::Status WriteMasterKeyFile(const std::string& path, const MasterKey& key) {
  return WritePrivateFile(path, engine::ToHex(key) + "\n");
}

absl::StatusOr<MasterKey> LoadMasterKey(const MasterKeySource& source, StoreState state) {
  if (!source.file.empty()) return ReadMasterKeyFile(source.file);
  if (!source.credentials_directory.empty()) {
    absl::StatusOr<MasterKey> key =
        ReadMasterKeyFile(source.credentials_directory + "/" + kMasterKeyCredential);
    if (key.ok() || !absl::IsNotFound(key.status())) return key;
  }
  absl::StatusOr<MasterKey> key = ReadMasterKeyFile(source.default_file);
  if (key.ok() || !absl::IsNotFound(key.status())) return key;
  if (state == StoreState::kExists) {
    return absl::NotFoundError("there is a store but no master key for it at " +
                               source.default_file +
                               "; put the key back from your backup, or name it with --master-key");
  }
  const MasterKey made = NewMasterKey();
  if (absl::Status status = WriteMasterKeyFile(source.default_file, made); !status.ok()) {
    return status;
  }
  return made;
}

absl::Status RotateMasterKey(SqliteStore& store, const std::string& key_file,
                             const MasterKey& old_key, const MasterKey& new_key) {
  const std::string next = key_file + ".new";
  if (absl::Status status = WriteMasterKeyFile(next, new_key); !status.ok()) return status;
  if (absl::Status status = store.RotateMasterKey(old_key, new_key); !status.ok()) return status;
  return RenamePrivateFile(next, key_file);
}

absl::StatusOr<std::unique_ptr<SqliteStore>> OpenStore(const SqliteDatabase::Options& options,
                                                       const MasterKey& key,
                                                       const std::string& key_file) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options, key);
  if (store.ok() || !absl::IsPermissionDenied(store.status()) || key_file.empty()) return store;
  const std::string next = key_file + ".new";
  const absl::StatusOr<MasterKey> next_key = ReadMasterKeyFile(next);
  if (!next_key.ok()) return store;
  absl::StatusOr<std::unique_ptr<SqliteStore>> again = SqliteStore::Open(options, *next_key);
  if (!again.ok()) return store;
  if (absl::Status status = RenamePrivateFile(next, key_file); !status.ok()) return status;
  return again;
}

}  // namespace relay
