#include "relay/api/node_certificates.h"

namespace relay {

using engine::crypto::Certificate;

absl::StatusOr<Certificate> NodeCertificates::Make(std::string_view node_id,
                                                   std::string_view request_pem,
                                                   int64_t now_unix_ms) const {
  const int64_t now = now_unix_ms / 1000;
  return engine::crypto::IssueClient(
      authority_, request_pem, node_id,
      {.not_before = now - kBackdatedSeconds, .not_after = now + kValidSeconds});
}

absl::StatusOr<std::string> NodeCertificates::Issue(std::string_view node_id,
                                                    std::string_view request_pem,
                                                    int64_t now_unix_ms) const {
  const absl::StatusOr<Certificate> certificate = Make(node_id, request_pem, now_unix_ms);
  if (!certificate.ok()) return certificate.status();
  return certificate->Pem();
}

absl::StatusOr<std::string> NodeCertificates::Renew(std::string_view node_id,
                                                    const engine::crypto::Sha256Digest& key_sha256,
                                                    std::string_view request_pem,
                                                    int64_t now_unix_ms) const {
  const absl::StatusOr<Certificate> certificate = Make(node_id, request_pem, now_unix_ms);
  if (!certificate.ok()) return certificate.status();
  if (certificate->key_fingerprint() != key_sha256) {
    return absl::InvalidArgumentError(
        "the request is for another key than that of the node's certificate: a node that wants "
        "another key is enrolled anew");
  }
  return certificate->Pem();
}

}  // namespace relay
