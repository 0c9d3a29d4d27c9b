// The key under which the store keeps secrets: where it comes from, and how it is changed.
//
// A key file is 64 hexadecimal digits and a line end, mode 0600.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/crypto/aead.h"
#include "relay/store/sqlite_store.h"

namespace relay {

// MasterKeySource says where to look, in this order.
struct MasterKeySource {
  std::string file;                   // Given by the operator; it must be there.
  std::string credentials_directory;  // systemd's $CREDENTIALS_DIRECTORY; adit-master-key in it.
  std::string default_file;           // In the state directory; made on first start.
};

inline constexpr const char* kMasterKeyCredential = "adit-master-key";

// LocatedKey is a key and the file that it was read from. A credential is systemd's copy of a file
// that only the operator knows: nothing that is written beside it lasts.
struct LocatedKey {
  engine::crypto::MasterKey key;
  std::string file;
  bool is_credential = false;
};

// LoadMasterKey reads the key. Only the default file is ever made, and only while there is no store
// yet (`state`): a new key would not open an old store. PermissionDenied: others may read it.
enum class StoreState : uint8_t { kMissing, kExists };
absl::StatusOr<LocatedKey> LoadMasterKey(const MasterKeySource& source, StoreState state);

// ReadMasterKeyFile and WriteMasterKeyFile are one key in one file.
absl::StatusOr<engine::crypto::MasterKey> ReadMasterKeyFile(const std::string& path);
absl::Status WriteMasterKeyFile(const std::string& path, const engine::crypto::MasterKey& key);

// NewMasterKey returns a random key.
engine::crypto::MasterKey NewMasterKey();

// RotateMasterKey encrypts the store under `new_key` and then replaces the key file. The new key is
// on the disk (as FILE.new) before the store changes, so that a crash at any point leaves a pair
// that belongs together; OpenStore finds it.
absl::Status RotateMasterKey(SqliteStore& store, const std::string& key_file,
                             const engine::crypto::MasterKey& old_key,
                             const engine::crypto::MasterKey& new_key);

// OpenStore opens the store under `key`. When it is under another one and `key_file`.new holds that
// (a rotation was cut short), the file takes its place and the store is opened with it.
absl::StatusOr<std::unique_ptr<SqliteStore>> OpenStore(const SqliteDatabase::Options& options,
                                                       const engine::crypto::MasterKey& key,
                                                       const std::string& key_file);

}  // namespace relay
