#include "agent/certificate_renewal.h"

#include "absl/status/status.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"

namespace agent {

using engine::crypto::Certificate;
using engine::crypto::PrivateKey;

bool RenewalIsDue(const std::string& certificate_pem, int64_t unix_now) {
  const absl::StatusOr<Certificate> certificate = Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) return true;
  const int64_t life = certificate->not_after() - certificate->not_before();
  return certificate->not_after() - unix_now <= life / 3;
}

absl::StatusOr<std::string> RenewalRequest(const NodeState& state) {
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(state.private_key_pem);
  if (!key.ok()) return key.status();
  return engine::crypto::CreateSigningRequest(*key, state.node_id);
}

absl::StatusOr<NodeState> WithCertificate(const NodeState& state,
                                          const std::string& certificate_pem) {
  const absl::StatusOr<Certificate> certificate = Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(state.private_key_pem);
  if (!key.ok()) return key.status();
  if (certificate->common_name() != state.node_id) {
    return absl::InvalidArgumentError("the relay sent a certificate of another node");
  }
  if (!engine::crypto::KeyMatches(*certificate, *key)) {
    return absl::InvalidArgumentError("the relay sent a certificate for another key");
  }
  const absl::StatusOr<Certificate> before = Certificate::FromPem(state.certificate_pem);
  if (before.ok() && certificate->not_after() <= before->not_after()) {
    return absl::InvalidArgumentError(
        "the relay sent a certificate that ends no later than the one that is there, so its clock "
        "is behind; the one that is there is kept");
  }
  NodeState renewed = state;
  renewed.certificate_pem = certificate_pem;
  return renewed;
}

}  // namespace agent
