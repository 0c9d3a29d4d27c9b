// The short-lived certificates by which nodes prove themselves.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/crypto/certificate.h"

namespace relay {

// NodeCertificates issues certificates under the relay's own authority: common name = node id, no
// other name, purpose clientAuth.
class NodeCertificates {
 public:
  static constexpr int64_t kValidSeconds = 24 * 3600;
  // A node's clock may be behind by this much and still accept what it got.
  static constexpr int64_t kBackdatedSeconds = 5 * 60;

  explicit NodeCertificates(engine::crypto::Issuer authority) : authority_(std::move(authority)) {}

  // Issue returns the certificate as PEM. InvalidArgument: the request is malformed, is not signed
  // by its own key, or has a key of another kind than P-256.
  absl::StatusOr<std::string> Issue(std::string_view node_id, std::string_view request_pem,
                                    int64_t now_unix_ms) const;

  // Renew is Issue for a node that has a certificate, whose key has this SHA-256
  // (Certificate::key_fingerprint). InvalidArgument, too: the request has another one. Whoever was
  // in a node's place for a moment would else have a key of his own for as long as he renews it.
  absl::StatusOr<std::string> Renew(std::string_view node_id,
                                    const engine::crypto::Sha256Digest& key_sha256,
                                    std::string_view request_pem, int64_t now_unix_ms) const;

  std::string authority_pem() const { return authority_.certificate.Pem(); }
  const engine::crypto::Certificate& authority() const { return authority_.certificate; }

 private:
  absl::StatusOr<engine::crypto::Certificate> Make(std::string_view node_id,
                                                   std::string_view request_pem,
                                                   int64_t now_unix_ms) const;

  engine::crypto::Issuer authority_;
};

}  // namespace relay
