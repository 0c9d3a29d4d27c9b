#include "engine/tls/tls_verify.h"

#include <openssl/pool.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/tls_settings.h"

namespace engine {
namespace {

// A host name longer than DNS allows names nobody.
constexpr size_t kHostSizeMax = 253;

struct Chain {
  bssl::UniquePtr<X509> leaf;
  bssl::UniquePtr<STACK_OF(X509)> others;
};

enum ssl_verify_result_t Refuse(TlsVerdict& verdict, TlsError error, std::string text) {
  verdict.error = error;
  verdict.text = std::move(text);
  return ssl_verify_invalid;
}

uint8_t AlertOf(TlsError error) {
  switch (error) {
    case TlsError::kOtherAuthority:
    case TlsError::kFingerprintMismatch:
    case TlsError::kOtherKey:
      return SSL_AD_UNKNOWN_CA;
    case TlsError::kCertificateExpired:
    case TlsError::kCertificateNotYetValid:
      return SSL_AD_CERTIFICATE_EXPIRED;
    case TlsError::kWrongPurpose:
      return SSL_AD_UNSUPPORTED_CERTIFICATE;
    case TlsError::kWrongHost:
      return SSL_AD_CERTIFICATE_UNKNOWN;
    default:
      return SSL_AD_BAD_CERTIFICATE;
  }
}

ByteView BufferBytes(const CRYPTO_BUFFER* buffer) {
  return {reinterpret_cast<const std::byte*>(CRYPTO_BUFFER_data(buffer)),
          CRYPTO_BUFFER_len(buffer)};
}

std::optional<Chain> Parse(const STACK_OF(CRYPTO_BUFFER) * buffers) {
  const size_t count = buffers == nullptr ? 0 : sk_CRYPTO_BUFFER_num(buffers);
  if (count == 0 || count > crypto::kChainCountMax) return std::nullopt;
  Chain chain;
  chain.others.reset(sk_X509_new_null());
  CHECK(chain.others != nullptr);
  for (size_t i = 0; i < count; ++i) {
    bssl::UniquePtr<X509> x509(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(buffers, i)));
    if (x509 == nullptr) return std::nullopt;
    if (i == 0) {
      chain.leaf = std::move(x509);
    } else {
      CHECK(bssl::PushToStack(chain.others.get(), std::move(x509)));
    }
  }
  return chain;
}

// FindFingerprint returns a store with the one certificate of the chain that was promised.
bssl::UniquePtr<X509_STORE> FindFingerprint(const STACK_OF(CRYPTO_BUFFER) * buffers,
                                            TlsVerdict& verdict) {
  for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(buffers); ++i) {
    const CRYPTO_BUFFER* buffer = sk_CRYPTO_BUFFER_value(buffers, i);
    const crypto::Sha256Digest digest = crypto::Sha256(BufferBytes(buffer));
    if (!crypto::ConstantTimeEqual(digest, verdict.settings->trust.fingerprint)) continue;
    const absl::StatusOr<crypto::Certificate> anchor =
        crypto::Certificate::FromDer(BufferBytes(buffer));
    bssl::UniquePtr<X509> x509(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(buffers, i)));
    if (!anchor.ok() || x509 == nullptr) return nullptr;
    verdict.anchor_pem = anchor->Pem();
    bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
    CHECK(store != nullptr);
    CHECK(X509_STORE_add_cert(store.get(), x509.get()));
    return store;
  }
  return nullptr;
}

ssl_verify_result_t RefuseChain(TlsVerdict& verdict, int error) {
  const bool server = verdict.settings->role == TlsRole::kServer;
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return Refuse(verdict, TlsError::kOtherAuthority,
                    server ? "the client's certificate is signed by another authority than ours"
                           : "the server's certificate is signed by another authority than the one "
                             "that is trusted here: this may be another server, or somebody in "
                             "between");
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Refuse(verdict, TlsError::kCertificateExpired,
                    server ? "the client's certificate has expired, or our clock is wrong"
                           : "the server's certificate has expired, or this machine's clock is "
                             "wrong");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Refuse(verdict, TlsError::kCertificateNotYetValid,
                    "the server's certificate is not yet valid, or this machine's clock is wrong");
    case X509_V_ERR_INVALID_PURPOSE:
      return Refuse(verdict, TlsError::kWrongPurpose,
                    server ? "the certificate that the client showed is not a client's"
                           : "the certificate that the server showed is not a server's");
    default:
      return Refuse(verdict, TlsError::kBadCertificate,
                    std::string("the peer's certificate cannot be accepted: ") +
                        X509_verify_cert_error_string(error));
  }
}

// A node's certificate that begins later than now is one that our own authority made when its clock
// was ahead: refused, a clock that was wrong for a moment would lock nodes out for as long as it
// was off.
int AllowLaterBegin(int is_right, X509_STORE_CTX* context) {
  return is_right == 1 || X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_NOT_YET_VALID;
}

// ErrorAt judges a chain at the time of `clock`.
int ErrorAt(const UnixClock& clock, const Chain& chain, X509_STORE* anchors,
            const TlsSettings& settings) {
  bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  CHECK(context != nullptr);
  CHECK(X509_STORE_CTX_init(context.get(), anchors, chain.leaf.get(), chain.others.get()));
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  // Without a clock of ours BoringSSL asks the system's.
  if (clock) X509_VERIFY_PARAM_set_time(parameters, clock());
  CHECK(X509_VERIFY_PARAM_set_purpose(parameters, settings.role == TlsRole::kServer
                                                      ? X509_PURPOSE_SSL_CLIENT
                                                      : X509_PURPOSE_SSL_SERVER));
  if (settings.role == TlsRole::kServer) {
    X509_STORE_CTX_set_verify_cb(context.get(), AllowLaterBegin);
  }
  // Any certificate that we were told to trust ends the search, whether it signs itself or not.
  if (settings.role == TlsRole::kServer || settings.trust.kind != TlsTrust::Kind::kSystem) {
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  }
  return X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

ssl_verify_result_t VerifyChain(const Chain& chain, X509_STORE* anchors, TlsVerdict& verdict) {
  const TlsSettings& settings = *verdict.settings;
  const int error = ErrorAt(settings.clock, chain, anchors, settings);
  if (error == X509_V_OK) return ssl_verify_ok;
  const bool is_of_time =
      error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
  if (is_of_time && settings.second_clock &&
      ErrorAt(settings.second_clock, chain, anchors, settings) == X509_V_OK) {
    return ssl_verify_ok;
  }
  return RefuseChain(verdict, error);
}

// A certificate without a purpose may serve for everything in X.509. Not here: a node's certificate
// must never pose as the relay, nor the reverse. Only a server's own certificate that is trusted by
// itself, as an operator makes it by hand, may leave the purpose out.
bool HasPurpose(const Chain& chain, X509_STORE* anchors, TlsRole role) {
  X509* leaf = chain.leaf.get();
  if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0) {
    const uint32_t wanted = role == TlsRole::kServer ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
    return (X509_get_extended_key_usage(leaf) & wanted) != 0;
  }
  if (role == TlsRole::kServer) return false;
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(anchors);
  for (size_t i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    const X509* anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (anchor != nullptr && X509_cmp(anchor, leaf) == 0) return true;
  }
  return false;
}

bool HasHost(X509* leaf, const TlsVerdict& verdict) {
  const std::string& host = verdict.host;
  if (!host.empty() && host.size() <= kHostSizeMax) {
    const bssl::UniquePtr<ASN1_OCTET_STRING> address(a2i_IPADDRESS(host.c_str()));
    if (address != nullptr) {
      if (X509_check_ip_asc(leaf, host.c_str(), 0) == 1) return true;
    } else if (X509_check_host(leaf, host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                               nullptr) == 1) {
      return true;
    }
  }
  if (verdict.settings->trust.kind == TlsTrust::Kind::kSystem) return false;
  return X509_check_host(leaf, kRelayInternalName.data(), kRelayInternalName.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

// The handshake proves that the peer holds the key of the certificate it shows (RFC 8446, 4.4.3);
// here that key is compared, and nothing else of the certificate means anything.
ssl_verify_result_t VerifyPublicKey(const STACK_OF(CRYPTO_BUFFER) * buffers, TlsVerdict& verdict) {
  const absl::StatusOr<crypto::Certificate> leaf =
      crypto::Certificate::FromDer(BufferBytes(sk_CRYPTO_BUFFER_value(buffers, 0)));
  if (!leaf.ok()) {
    return Refuse(verdict, TlsError::kBadCertificate, "the peer's certificate is not well-formed");
  }
  if (!crypto::ConstantTimeEqual(leaf->key_fingerprint(), verdict.settings->trust.fingerprint)) {
    return Refuse(verdict, TlsError::kOtherKey,
                  "the other end holds another key than the one that was promised: somebody is in "
                  "between");
  }
  return ssl_verify_ok;
}

ssl_verify_result_t Verify(const STACK_OF(CRYPTO_BUFFER) * buffers, TlsVerdict& verdict) {
  const TlsSettings& settings = *verdict.settings;
  const std::optional<Chain> chain = Parse(buffers);
  if (!chain.has_value()) {
    return Refuse(verdict, TlsError::kBadCertificate,
                  "the peer's certificates are not well-formed, or too many");
  }
  if (settings.trust.kind == TlsTrust::Kind::kPublicKey) return VerifyPublicKey(buffers, verdict);
  bssl::UniquePtr<X509_STORE> found;
  X509_STORE* anchors = settings.anchors.get();
  if (settings.role == TlsRole::kClient && settings.trust.kind == TlsTrust::Kind::kFingerprint) {
    found = FindFingerprint(buffers, verdict);
    if (found == nullptr) {
      return Refuse(verdict, TlsError::kFingerprintMismatch,
                    "the server's chain does not hold the certificate whose SHA-256 was given: "
                    "this may be another server, or somebody in between");
    }
    anchors = found.get();
  }
  CHECK(anchors != nullptr);
  if (VerifyChain(*chain, anchors, verdict) != ssl_verify_ok) return ssl_verify_invalid;
  if (!HasPurpose(*chain, anchors, settings.role)) {
    return RefuseChain(verdict, X509_V_ERR_INVALID_PURPOSE);
  }
  if (settings.role == TlsRole::kClient && !HasHost(chain->leaf.get(), verdict)) {
    return Refuse(verdict, TlsError::kWrongHost,
                  "the server's certificate is for another name than " + verdict.host +
                      ": check the address, or have the certificate made for it");
  }
  return ssl_verify_ok;
}

}  // namespace

ssl_verify_result_t VerifyPeer(SSL* ssl, uint8_t* alert) {
  TlsVerdict* verdict = static_cast<TlsVerdict*>(SSL_get_app_data(ssl));
  CHECK(verdict != nullptr);
  const ssl_verify_result_t result = Verify(SSL_get0_peer_certificates(ssl), *verdict);
  ERR_clear_error();
  if (result != ssl_verify_ok) {
    verdict->anchor_pem.clear();
    *alert = AlertOf(verdict->error);
  }
  return result;
}

}  // namespace engine
