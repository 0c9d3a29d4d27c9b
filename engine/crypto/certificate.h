// X.509 certificates: reading foreign ones, and issuing our own. Times are unix seconds and always
// given by the caller.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "engine/crypto/key.h"

namespace engine::crypto {

// A certificate or request larger than this, or a chain with more certificates, is refused unread.
inline constexpr size_t kCertificateSizeMax = 32 * 1024;
inline constexpr size_t kChainCountMax = 16;

// Certificate is a parsed certificate: plain values beside the DER they came from. Parsing verifies
// no signature and no time.
class Certificate {
 public:
  // FromDer reads exactly one certificate. InvalidArgument: it is none, or it is too large.
  static absl::StatusOr<Certificate> FromDer(ByteView der);

  // FromPem reads the first certificate of a PEM text, ChainFromPem all of them (at least one, at
  // most kChainCountMax) in their order. Text around the blocks is skipped.
  static absl::StatusOr<Certificate> FromPem(std::string_view pem);
  static absl::StatusOr<std::vector<Certificate>> ChainFromPem(std::string_view pem);

  std::string Pem() const;
  const std::string& der() const { return der_; }
  // The SHA-256 of der(); hex_fingerprint() is the same in 64 lower-case digits.
  const Sha256Digest& fingerprint() const { return fingerprint_; }
  std::string hex_fingerprint() const;
  // The SHA-256 of the DER SubjectPublicKeyInfo.
  const Sha256Digest& key_fingerprint() const { return key_fingerprint_; }

  // The subject's last common name as UTF-8, or empty.
  const std::string& common_name() const { return common_name_; }
  // The serial number in lower-case hexadecimal digits without leading zeros.
  const std::string& serial() const { return serial_; }
  int64_t not_before() const { return not_before_; }
  int64_t not_after() const { return not_after_; }
  bool is_authority() const { return is_authority_; }

  // SubjectAltName. Addresses are text: dotted, or RFC 5952 for IPv6.
  const std::vector<std::string>& dns_names() const { return dns_names_; }
  const std::vector<std::string>& addresses() const { return addresses_; }
  const std::vector<std::string>& uris() const { return uris_; }

 private:
  Certificate() = default;
  std::string der_;
  Sha256Digest fingerprint_;
  Sha256Digest key_fingerprint_;
  std::string common_name_;
  std::string serial_;
  int64_t not_before_ = 0;
  int64_t not_after_ = 0;
  bool is_authority_ = false;
  std::vector<std::string> dns_names_;
  std::vector<std::string> addresses_;
  std::vector<std::string> uris_;
};

// Validity is the time from not_before (included) to not_after, in unix seconds.
struct Validity {
  int64_t not_before = 0;
  int64_t not_after = 0;
};

// CreateSigningRequest returns a PKCS #10 request (PEM) for `key`, signed by it.
absl::StatusOr<std::string> CreateSigningRequest(const PrivateKey& key,
                                                 std::string_view common_name);

// CreateAuthority returns a self-signed CA certificate of `key` that may issue end certificates
// only.
absl::StatusOr<Certificate> CreateAuthority(const PrivateKey& key, std::string_view common_name,
                                            Validity validity);

// CreateSessionCertificate returns a self-signed certificate of `key` for TLS between two ends that
// know each other's key already (TlsTrust::PublicKey): it names nobody and vouches for nothing.
absl::StatusOr<Certificate> CreateSessionCertificate(const PrivateKey& key, Validity validity);

// Issuer is a CA: its certificate and the key that belongs to it.
struct Issuer {
  Certificate certificate;
  PrivateKey key;
};

struct ServerNames {
  std::string common_name;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // IPv4 or IPv6 as text.
};

// IssueServer returns a certificate of `key` for the names given, with the purpose serverAuth.
// InvalidArgument: a name or address that cannot be in a certificate, or no name at all.
absl::StatusOr<Certificate> IssueServer(const Issuer& issuer, const PrivateKey& key,
                                        const ServerNames& names, Validity validity);

// IssueClient returns a certificate for the key of a foreign signing request (PEM), with the
// purpose clientAuth, the common name given and nothing else of what the request asks for.
// InvalidArgument: not a request, too large, a key other than P-256, or not signed by its own key.
absl::StatusOr<Certificate> IssueClient(const Issuer& issuer, std::string_view request_pem,
                                        std::string_view common_name, Validity validity);

// KeyMatches says whether `key` is the private half of the certificate's key.
bool KeyMatches(const Certificate& certificate, const PrivateKey& key);

}  // namespace engine::crypto
