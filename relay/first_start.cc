#include "relay/first_start.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/log.h"
#include "engine/crypto/identity_key.h"
#include "engine/crypto/key.h"
#include "engine/crypto/uuid.h"
#include "engine/wire/invitation.h"
#include "relay/administrator.h"
#include "relay/api/activations_api.h"
#include "relay/audit/audit_trail.h"
#include "relay/store/identifiers.h"
#include "relay/store/private_file.h"

namespace relay {
namespace {

using engine::crypto::Certificate;
using engine::crypto::Issuer;
using engine::crypto::PrivateKey;
using engine::crypto::ServerNames;

// A client whose clock is behind a little can still use what was made just now.
constexpr int64_t kBackdatedSeconds = 3600;

std::string PathIn(const StateOptions& options, std::string_view name) {
  return options.directory + "/" + std::string(name);
}

bool Exists(const std::string& path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0;
}

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// AddressText returns an address in the one form that certificates are compared in, or nothing.
std::optional<std::string> AddressText(const std::string& host) {
  char text[INET6_ADDRSTRLEN];
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return inet_ntop(AF_INET, &v4, text, sizeof text);
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return inet_ntop(AF_INET6, &v6, text, sizeof text);
  }
  return std::nullopt;
}

bool IsDnsName(const std::string& host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

void AddName(ServerNames& names, const std::string& host) {
  const auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  if (const std::optional<std::string> address = AddressText(host); address.has_value()) {
    add(names.addresses, *address);
  } else if (const std::string name = Lower(host); IsDnsName(name)) {
    add(names.dns_names, name);
  }
}

ServerNames NamesOf(const StateOptions& options) {
  ServerNames names;
  names.common_name = kInternalServerName;
  AddName(names, options.advertise.host);
  AddName(names, options.host_name);
  for (const char* host : {"localhost", "127.0.0.1", "::1"}) AddName(names, host);
  AddName(names, std::string(kInternalServerName));
  return names;
}

bool Covers(const Certificate& certificate, const ServerNames& names) {
  const auto includes = [](const std::vector<std::string>& has,
                           const std::vector<std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
      return std::find(has.begin(), has.end(), name) != has.end();
    });
  };
  return includes(certificate.dns_names(), names.dns_names) &&
         includes(certificate.addresses(), names.addresses);
}

absl::StatusOr<Issuer> MakeAuthority(const StateOptions& options, int64_t now) {
  const PrivateKey key = PrivateKey::Generate();
  const std::string name = "Adit relay " + engine::crypto::NewUuid().substr(0, 8);
  absl::StatusOr<Certificate> certificate = engine::crypto::CreateAuthority(
      key, name,
      {.not_before = now - kBackdatedSeconds, .not_after = now + kAuthorityValidSeconds});
  if (!certificate.ok()) return certificate.status();
  // The certificate last: a key without one is what a crash leaves, and is made anew.
  absl::Status status = WritePrivateFile(PathIn(options, "ca.key"), key.Pem());
  if (status.ok()) status = WritePrivateFile(PathIn(options, "ca.crt"), certificate->Pem());
  if (!status.ok()) return status;
  return Issuer{*std::move(certificate), key};
}

absl::StatusOr<Issuer> OpenAuthority(const StateOptions& options, int64_t now) {
  const std::string path = PathIn(options, "ca.crt");
  if (!Exists(path)) return MakeAuthority(options, now);
  const absl::StatusOr<std::string> certificate_pem = ReadPrivateFile(path);
  if (!certificate_pem.ok()) return certificate_pem.status();
  const absl::StatusOr<std::string> key_pem = ReadPrivateFile(PathIn(options, "ca.key"));
  if (!key_pem.ok()) return key_pem.status();
  absl::StatusOr<Certificate> certificate = Certificate::FromPem(*certificate_pem);
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*key_pem);
  if (!certificate.ok() || !key.ok() || !engine::crypto::KeyMatches(*certificate, *key)) {
    return absl::DataLossError(path +
                               " and ca.key do not belong together or are damaged; put "
                               "both back from a backup. Without them every node must be enrolled "
                               "again");
  }
  return Issuer{*std::move(certificate), *key};
}

absl::StatusOr<ServerIdentity> MakeServerIdentity(const StateOptions& options,
                                                  const Issuer& authority, int64_t now) {
  const PrivateKey key = PrivateKey::Generate();
  const absl::StatusOr<Certificate> certificate = engine::crypto::IssueServer(
      authority, key, NamesOf(options),
      {.not_before = now - kBackdatedSeconds, .not_after = now + kServerValidSeconds});
  if (!certificate.ok()) return certificate.status();
  ServerIdentity identity;
  identity.chain_pem = certificate->Pem() + authority.certificate.Pem();
  identity.key_pem = key.Pem();
  absl::Status status = WritePrivateFile(PathIn(options, "server.key"), identity.key_pem);
  if (status.ok()) {
    status = WritePrivateFile(PathIn(options, "server.crt"), identity.chain_pem);
  }
  if (!status.ok()) return status;
  return identity;
}

// ReadServerIdentity returns nothing when there is no usable one: then it is made, which costs
// nothing, since clients trust the authority and not this certificate.
std::optional<ServerIdentity> ReadServerIdentity(const StateOptions& options,
                                                 const Issuer& authority, int64_t now) {
  absl::StatusOr<std::string> chain_pem = ReadPrivateFile(PathIn(options, "server.crt"));
  absl::StatusOr<std::string> key_pem = ReadPrivateFile(PathIn(options, "server.key"));
  if (!chain_pem.ok() || !key_pem.ok()) return std::nullopt;
  const absl::StatusOr<std::vector<Certificate>> chain = Certificate::ChainFromPem(*chain_pem);
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*key_pem);
  if (!chain.ok() || !key.ok() || chain->size() != 2) return std::nullopt;
  const Certificate& certificate = chain->front();
  const bool good =
      engine::crypto::KeyMatches(certificate, *key) &&
      chain->back().der() == authority.certificate.der() && certificate.not_before() <= now &&
      certificate.not_after() - now >= kServerRenewSeconds && Covers(certificate, NamesOf(options));
  if (!good) return std::nullopt;
  return ServerIdentity{*std::move(chain_pem), *std::move(key_pem)};
}

absl::StatusOr<engine::CaDigest> ServedDigest(const StateOptions& options,
                                              const Issuer& authority) {
  if (options.operator_chain_pem.empty()) return authority.certificate.fingerprint();
  const absl::StatusOr<std::vector<Certificate>> chain =
      Certificate::ChainFromPem(options.operator_chain_pem);
  if (!chain.ok()) return chain.status();
  return chain->back().fingerprint();
}

// Kept makes a change with its event, and keeps both or neither.
template <class Change>
absl::Status Kept(SqliteStore& store, AuditRecord record, Change change) {
  if (absl::Status status = store.Begin(); !status.ok()) return status;
  absl::Status status = change(record);
  if (status.ok()) status = AppendAudit(store, record);
  if (status.ok()) return store.Commit();
  store.Rollback();
  return status;
}

AuditRecord StartRecord(std::string_view name, int64_t now_unix_ms) {
  AuditRecord record = NewServiceEvent(name, now_unix_ms);
  record.event_source = "adit";
  return record;
}

std::string LoginLine(const StateOptions& options, const engine::CaDigest& digest,
                      const AccessKey& key) {
  return engine::FormatInvitation(
      engine::LoginInvitation{options.advertise, digest, key.id, key.secret});
}

// Welcome makes the administrator and the first activation.
absl::StatusOr<Invitations> Welcome(const StateOptions& options, const Issuer& authority,
                                    SqliteStore& store, int64_t now_unix_ms) {
  const absl::StatusOr<engine::CaDigest> digest = ServedDigest(options, authority);
  if (!digest.ok()) return digest.status();
  NewActivation first = MakeActivation(now_unix_ms, now_unix_ms + kActivationDefaultMs, 1);
  first.activation.description = "The first node";
  AccessKey key;
  const absl::Status status =
      Kept(store, StartRecord("FirstStart", now_unix_ms), [&](AuditRecord& record) {
        absl::StatusOr<AccessKey> made = MakeAdministrator(store, now_unix_ms);
        if (!made.ok()) return made.status();
        key = *std::move(made);
        record.additional = {{"accessKeyId", key.id}, {"activationId", first.activation.id}};
        return store.AddActivation(first.activation);
      });
  if (!status.ok()) return status;
  return Invitations{.login = LoginLine(options, *digest, key),
                     .enroll = engine::FormatInvitation(engine::EnrollInvitation{
                         options.advertise, *digest, first.activation.id, first.code})};
}

}  // namespace

absl::StatusOr<LocatedKey> LoadMasterKeyFor(const StateOptions& options) {
  const StoreState state =
      Exists(PathIn(options, "adit.db")) ? StoreState::kExists : StoreState::kMissing;
  return LoadMasterKey({.file = options.master_key_file,
                        .credentials_directory = options.credentials_directory,
                        .default_file = PathIn(options, "master.key")},
                       state);
}

absl::StatusOr<OpenedIdentity> OpenServerIdentity(const StateOptions& options,
                                                  const Issuer& authority, int64_t now_unix_ms) {
  const int64_t now = now_unix_ms / 1000;
  if (std::optional<ServerIdentity> found = ReadServerIdentity(options, authority, now)) {
    return OpenedIdentity{*std::move(found), false};
  }
  absl::StatusOr<ServerIdentity> made = MakeServerIdentity(options, authority, now);
  if (!made.ok()) return made.status();
  return OpenedIdentity{*std::move(made), true};
}

absl::Status StateIsThere(const StateOptions& options) {
  if (Exists(PathIn(options, "adit.db"))) return absl::OkStatus();
  return absl::NotFoundError("there is no relay's state in " + options.directory +
                             "; name it with --state, or start the relay: its first start prints "
                             "an administrator's line");
}

absl::StatusOr<std::string> RecoverAdministrator(const StateOptions& options, int64_t now_unix_ms) {
  if (absl::Status status = StateIsThere(options); !status.ok()) return status;
  const absl::StatusOr<LocatedKey> master = LoadMasterKeyFor(options);
  if (!master.ok()) return master.status();
  const absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      OpenStore({.path = PathIn(options, "adit.db")}, master->key, master->file);
  if (!store.ok()) return store.status();
  const absl::StatusOr<Issuer> authority = OpenAuthority(options, now_unix_ms / 1000);
  if (!authority.ok()) return authority.status();
  const absl::StatusOr<engine::CaDigest> digest = ServedDigest(options, *authority);
  if (!digest.ok()) return digest.status();
  AccessKey key;
  const absl::Status status =
      Kept(**store, StartRecord("RecoverAdministrator", now_unix_ms), [&](AuditRecord& record) {
        absl::StatusOr<AccessKey> made = MakeAdministrator(**store, now_unix_ms);
        if (!made.ok()) return made.status();
        key = *std::move(made);
        record.resources = {key.principal};
        record.additional = {{"accessKeyId", key.id}};
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return LoginLine(options, *digest, key);
}

absl::StatusOr<RelayState> OpenState(const StateOptions& options, int64_t now_unix_ms) {
  if (absl::Status status = MakePrivateDirectory(options.directory); !status.ok()) return status;
  const absl::StatusOr<LocatedKey> key = LoadMasterKeyFor(options);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      OpenStore({.path = PathIn(options, "adit.db")}, key->key, key->file);
  if (!store.ok()) return store.status();
  absl::StatusOr<Issuer> authority = OpenAuthority(options, now_unix_ms / 1000);
  if (!authority.ok()) return authority.status();
  absl::StatusOr<OpenedIdentity> server = OpenServerIdentity(options, *authority, now_unix_ms);
  if (!server.ok()) return server.status();
  RelayState state{*std::move(store), *std::move(authority), std::move(server->identity), {}, {}};
  const absl::StatusOr<bool> known = state.store->HasAccessKeys();
  if (!known.ok()) return known.status();
  if (!*known) {
    absl::StatusOr<Invitations> invitations =
        Welcome(options, state.authority, *state.store, now_unix_ms);
    if (!invitations.ok()) return invitations.status();
    state.invitations = *std::move(invitations);
  }
  const std::string audit_directory = PathIn(options, "audit");
  const absl::StatusOr<engine::crypto::IdentityKey> audit_key =
      OpenAuditKey(PathIn(options, "audit.key"), audit_directory);
  if (!audit_key.ok()) return audit_key.status();
  absl::StatusOr<std::unique_ptr<AuditOutbox>> outbox =
      AuditOutbox::Open(*state.store, {.directory = audit_directory, .key = *audit_key});
  if (!outbox.ok()) return outbox.status();
  state.outbox = *std::move(outbox);
  engine::log::Write(
      engine::log::Level::kInfo, "audit_files",
      {{"directory", audit_directory}, {"public_key", engine::ToHex(audit_key->public_key())}});
  return state;
}

}  // namespace relay
