// The state directory: made on first start, opened on every other.
//
//   master.key   encrypts the secrets in the store     ca.key, ca.crt          the authority
//   adit.db      the store                             server.key, server.crt  what clients see
//   audit/       the audit files                       audit.key               signs their digests
//
// Files have mode 0600 and the directory 0700.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/crypto/aead.h"
#include "engine/crypto/certificate.h"
#include "engine/wire/host_port.h"
#include "relay/audit/audit_outbox.h"
#include "relay/store/master_key.h"
#include "relay/store/sqlite_store.h"

namespace relay {

struct StateOptions {
  std::string directory;
  engine::HostPort advertise;         // How clients and agents reach this relay.
  std::string host_name;              // The machine's; empty: unknown.
  std::string master_key_file;        // Empty: the credential, then master.key in the directory.
  std::string credentials_directory;  // $CREDENTIALS_DIRECTORY, or empty.
  // The chain that the operator has given (PEM); empty: the relay's own certificate is served.
  std::string operator_chain_pem;
};

// ServerIdentity is what the relay serves: its certificate and the authority's in one chain.
struct ServerIdentity {
  std::string chain_pem;
  std::string key_pem;  // Secret.
};

// Invitations are the two lines to print once. Both are secret.
struct Invitations {
  std::string login;   // adit-login ...: the administrator's access key.
  std::string enroll;  // adit-enroll ...: for one node, 24 hours.
};

struct RelayState {
  std::unique_ptr<SqliteStore> store;
  engine::crypto::Issuer authority;
  ServerIdentity server;
  std::optional<Invitations> invitations;  // On first start.
  std::unique_ptr<AuditOutbox> outbox;     // Of the store.
};

inline constexpr std::string_view kInternalServerName = "adit-relay.internal";
inline constexpr int64_t kAuthorityValidSeconds = int64_t{10} * 365 * 24 * 3600;
inline constexpr int64_t kServerValidSeconds = int64_t{90} * 24 * 3600;
inline constexpr int64_t kServerRenewSeconds = int64_t{30} * 24 * 3600;

// OpenState makes what is missing and opens the rest. "First start" is a store without any access
// key. Errors are for the operator: what is wrong with which file, and what to do.
absl::StatusOr<RelayState> OpenState(const StateOptions& options, int64_t now_unix_ms);

// StateIsThere is NotFound, with advice, where no relay has made its state.
absl::Status StateIsThere(const StateOptions& options);

// RecoverAdministrator makes the administrator anew (MakeAdministrator) and returns the line that
// logs in, a secret. It is on record. NotFound: there is no state. Requires: no relay runs on that
// directory.
absl::StatusOr<std::string> RecoverAdministrator(const StateOptions& options, int64_t now_unix_ms);

// LoadMasterKeyFor reads the master key that OpenState would use.
absl::StatusOr<LocatedKey> LoadMasterKeyFor(const StateOptions& options);

// OpenServerIdentity reads the server certificate of a state directory, and makes it anew when it
// is missing, lacks one of today's names, or has less than kServerRenewSeconds left. Call it once a
// day; `renewed` says whether the identity is another one than on disk before.
struct OpenedIdentity {
  ServerIdentity identity;
  bool renewed = false;
};
absl::StatusOr<OpenedIdentity> OpenServerIdentity(const StateOptions& options,
                                                  const engine::crypto::Issuer& authority,
                                                  int64_t now_unix_ms);

}  // namespace relay
