#include "relay/api/node_certificates.h"

namespace relay {

absl::StatusOr<std::string> NodeCertificates::Issue(std::string_view node_id,
                                                    std::string_view request_pem,
                                                    int64_t now_unix_ms) const {
  const int64_t now = now_unix_ms / 1000;
  const absl::StatusOr<engine::crypto::Certificate> certificate = engine::crypto::IssueClient(
      authority_, request_pem, node_id,
      {.not_before = now - kBackdatedSeconds, .not_after = now + kValidSeconds});
  if (!certificate.ok()) return certificate.status();
  return certificate->Pem();
}

}  // namespace relay
