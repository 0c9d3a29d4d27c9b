#include "client/session_key.h"

#include "engine/base/bytes.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"

namespace client {
namespace {

// The other end looks at the key alone; times are there because X.509 wants some.
constexpr int64_t kDay = 86400;

}  // namespace

absl::StatusOr<SessionKey> MakeSessionKey(int64_t now) {
  const engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
  const absl::StatusOr<engine::crypto::Certificate> certificate =
      engine::crypto::CreateSessionCertificate(key, {now - kDay, now + 365 * kDay});
  if (!certificate.ok()) return certificate.status();
  return SessionKey{
      .identity = {.certificate_chain_pem = certificate->Pem(), .private_key_pem = key.Pem()},
      .hash = engine::ToHex(key.PublicFingerprint())};
}

}  // namespace client
