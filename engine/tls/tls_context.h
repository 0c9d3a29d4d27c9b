// What all TLS connections of one kind share: identity, trust, protocols. TLS 1.3 only, without
// session tickets and without early data.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/crypto/digest.h"

namespace engine {

// UnixClock returns unix seconds: the time at which certificates are judged. An empty one stands
// for the system's clock.
using UnixClock = std::function<int64_t()>;

// The name that a relay's self-made certificate carries beside its real ones, so that a relay may
// be dialled under any name or address. It is accepted only where the authority is pinned.
inline constexpr std::string_view kRelayInternalName = "adit-relay.internal";

// TlsIdentity is who we are: certificates in PEM, our own first, and its private key in PEM.
struct TlsIdentity {
  std::string certificate_chain_pem;
  std::string private_key_pem;
};

// TlsTrust is whom a client believes to be the server.
struct TlsTrust {
  enum class Kind : uint8_t {
    kSystem,       // A public authority of this machine's list, or of the lists that are named
                   // instead; the dialled name must match.
    kAuthority,    // Exactly the certificates in `authority_pem`: authorities, or one server's own.
    kFingerprint,  // First contact: the chain that the server sends must verify up to exactly the
                   // certificate with this SHA-256, which TlsChannel::anchor_pem() hands out.
    kPublicKey,    // Whoever holds the key whose SubjectPublicKeyInfo has this SHA-256, whatever
                   // else its certificate says: names, times and signers are not looked at.
  };
  Kind kind = Kind::kSystem;
  std::string authority_pem;
  crypto::Sha256Digest fingerprint{};
  std::vector<std::string> list_files = {};  // kSystem: PEM files; empty: this machine's own.

  static TlsTrust System() { return {}; }
  // Lists is System, with these files instead of the machine's where there are any.
  static TlsTrust Lists(std::vector<std::string> files) {
    return {Kind::kSystem, {}, {}, std::move(files)};
  }
  static TlsTrust Authority(std::string pem) { return {Kind::kAuthority, std::move(pem), {}}; }
  static TlsTrust Fingerprint(const crypto::Sha256Digest& sha256) {
    return {Kind::kFingerprint, {}, sha256};
  }
  static TlsTrust PublicKey(const crypto::Sha256Digest& sha256) {
    return {Kind::kPublicKey, {}, sha256};
  }
};

// TlsRecords says who carries an established connection's records: our own record layer, which
// opens and seals where bytes lie, or BoringSSL's, the reference that it is tested against.
enum class TlsRecords : uint8_t { kInPlace, kBoringSsl };

struct TlsServerOptions {
  TlsIdentity identity;
  // The authority whose client certificates are accepted (PEM). A client may come without one; a
  // certificate of another authority, expired, or of another purpose fails the handshake. Empty: no
  // client is asked.
  std::string client_authority_pem;
  // Instead of that: the one client that is accepted, by the SHA-256 of its SubjectPublicKeyInfo.
  // It must show a certificate of that key, whatever else the certificate says.
  std::optional<crypto::Sha256Digest> client_public_key;
  // ALPN, best first. A client that offers only others is refused; one that offers none is served
  // with an empty TlsChannel::protocol(). Empty: ALPN is not looked at.
  std::vector<std::string> protocols;
  UnixClock clock;
  TlsRecords records = TlsRecords::kInPlace;
};

struct TlsClientOptions {
  TlsTrust trust;
  // Shown to a server that asks for it.
  std::optional<TlsIdentity> identity;
  // ALPN, best first. A server that picks none is refused.
  std::vector<std::string> protocols;
  UnixClock clock;
  // A chain that is not valid at `clock` may be so at this one instead. Empty: there is no other.
  UnixClock second_clock = {};
  TlsRecords records = TlsRecords::kInPlace;
};

class TlsSettings;  // Internal: one immutable generation of a context.

// TlsContext makes connections. It may be used from several threads.
class TlsContext {
 public:
  // Server and Client return InvalidArgument when a PEM text cannot be read, when the key does not
  // belong to the first certificate, or when a protocol name is empty or longer than 255 bytes;
  // NotFound when the system's authorities are asked for and there are none, or a list of them
  // cannot be read.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Server(const TlsServerOptions& options);
  static absl::StatusOr<std::unique_ptr<TlsContext>> Client(const TlsClientOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Reload exchanges everything for connections made from now on; those that exist keep what they
  // began with. After an error nothing has changed.
  absl::Status Reload(const TlsServerOptions& options);
  absl::Status Reload(const TlsClientOptions& options);

  // settings is the current generation; for TlsChannel.
  std::shared_ptr<const TlsSettings> settings() const;

 private:
  explicit TlsContext(std::shared_ptr<const TlsSettings> settings);
  void Exchange(std::shared_ptr<const TlsSettings> settings);

  mutable std::mutex mutex_;  // Guards settings_ alone.
  std::shared_ptr<const TlsSettings> settings_;
};

}  // namespace engine
