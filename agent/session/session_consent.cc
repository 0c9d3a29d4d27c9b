#include "agent/session/session_consent.h"

#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/session_binding.h"

namespace agent {
namespace {

// The client looks at the certificate's key and at nothing else, so that no clock has to be right:
// from 2000 to 2100.
constexpr engine::crypto::Validity kAnyTime = {946'684'800, 4'102'444'800};

}  // namespace

absl::StatusOr<SessionConsent> ConsentTo(const engine::SessionOffer& offer,
                                         const engine::crypto::IdentityKey& identity) {
  if (offer.client_key.empty()) {
    return SessionConsent{.answer = {.session_id = offer.session_id}, .inner = nullptr};
  }
  const engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
  const absl::StatusOr<engine::crypto::Certificate> certificate =
      engine::crypto::CreateSessionCertificate(key, kAnyTime);
  if (!certificate.ok()) return certificate.status();
  engine::TlsServerOptions options;
  options.identity = {certificate->Pem(), key.Pem()};
  options.client_public_key.emplace();
  CHECK(engine::FromHex(offer.client_key, *options.client_public_key));
  options.protocols = {"adit/1"};
  absl::StatusOr<std::unique_ptr<engine::TlsContext>> inner = engine::TlsContext::Server(options);
  if (!inner.ok()) return inner.status();

  SessionConsent consent;
  consent.inner = std::move(*inner);
  consent.answer.session_id = offer.session_id;
  consent.answer.session_key = engine::ToHex(key.PublicFingerprint());
  consent.answer.node_key = engine::crypto::EncodeBase64(identity.public_key());
  const std::string binding =
      engine::SessionBinding(offer.session_id, consent.answer.session_key, offer.client_key);
  consent.answer.signature = engine::crypto::EncodeBase64(identity.Sign(engine::AsBytes(binding)));
  return consent;
}

}  // namespace agent
