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

namespace {

absl::StatusOr<MasterKey> ParseMasterKey(const std::string& path,
                                         const absl::StatusOr<std::string>& content) {
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

}  // namespace

absl::StatusOr<MasterKey> ReadMasterKeyFile(const std::string& path) {
  return ParseMasterKey(path, ReadPrivateFile(path));
}

absl::Status WriteMasterKeyFile(const std::string& path, const MasterKey& key) {
  return WritePrivateFile(path, engine::ToHex(key) + "\n");
}

absl::StatusOr<LocatedKey> LoadMasterKey(const MasterKeySource& source, StoreState state) {
  if (!source.file.empty()) {
    const absl::StatusOr<MasterKey> key = ReadMasterKeyFile(source.file);
    if (!key.ok()) return key.status();
    return LocatedKey{*key, source.file};
  }
  if (!source.credentials_directory.empty()) {
    const std::string path = source.credentials_directory + "/" + kMasterKeyCredential;
    const absl::StatusOr<MasterKey> key = ParseMasterKey(path, ReadCredentialFile(path));
    if (key.ok()) return LocatedKey{*key, path, true};
    if (!absl::IsNotFound(key.status())) return key.status();
  }
  const absl::StatusOr<MasterKey> key = ReadMasterKeyFile(source.default_file);
  if (key.ok()) return LocatedKey{*key, source.default_file};
  if (!absl::IsNotFound(key.status())) return key.status();
  if (state == StoreState::kExists) {
    return absl::NotFoundError("there is a store but no master key for it at " +
                               source.default_file +
                               "; put the key back from your backup, or name its file with "
                               "--master-key: the one in LoadCredential= of adit-relay.service, "
                               "when systemd hands the key over");
  }
  const MasterKey made = NewMasterKey();
  if (absl::Status status = WriteMasterKeyFile(source.default_file, made); !status.ok()) {
    return status;
  }
  return LocatedKey{made, source.default_file};
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
