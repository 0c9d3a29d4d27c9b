#include "agent/certificate_renewal.h"

#include "absl/status/status.h"
#include "agent/session/node_clock.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"

namespace agent {

using engine::crypto::Certificate;
using engine::crypto::PrivateKey;

namespace {

bool BeginsLater(const Certificate& certificate, int64_t unix_now) {
  return certificate.not_before() - unix_now > kLaterSeconds;
}

// IsRight says whether a certificate that ends earlier than the one before may take its place. A
// relay and a node that both begin in 1970 agree on a time which is known to be wrong.
bool IsRight(const Certificate& certificate, const Certificate& before, int64_t known_unix,
             int64_t unix_now) {
  return BeginsLater(before, unix_now) && !BeginsLater(certificate, unix_now) &&
         certificate.not_after() > unix_now && unix_now >= known_unix;
}

}  // namespace

bool RenewalIsDue(const std::string& certificate_pem, int64_t unix_now,
                  engine::Duration since_asked) {
  const absl::StatusOr<Certificate> certificate = Certificate::FromPem(certificate_pem);
  if (!certificate.ok()) return true;
  const int64_t life = certificate->not_after() - certificate->not_before();
  if (certificate->not_after() - unix_now <= life / 3) return true;
  return BeginsLater(*certificate, unix_now) && since_asked >= kLaterPause;
}

absl::StatusOr<std::string> RenewalRequest(const NodeState& state) {
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(state.private_key_pem);
  if (!key.ok()) return key.status();
  return engine::crypto::CreateSigningRequest(*key, state.node_id);
}

absl::StatusOr<NodeState> WithCertificate(const NodeState& state,
                                          const std::string& certificate_pem, int64_t unix_now) {
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
  if (before.ok() && certificate->not_after() <= before->not_after() &&
      !IsRight(*certificate, *before, state.known_unix, unix_now)) {
    return absl::InvalidArgumentError(
        "the relay sent a certificate that ends no later than the one that is there, so its clock "
        "is behind; the one that is there is kept");
  }
  NodeState renewed = state;
  renewed.certificate_pem = certificate_pem;
  renewed.known_unix = KnownTime(state.known_unix, certificate_pem, unix_now);
  return renewed;
}

}  // namespace agent
