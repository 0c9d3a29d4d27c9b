#include "engine/tls/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace engine {
namespace {

// BoringSSL reports an alert of the peer as this plus the alert's number.
constexpr int kAlertOffset = SSL_AD_REASON_OFFSET;

std::string PeerWord(TlsRole role) {
  return role == TlsRole::kServer ? "the client" : "the server";
}

// What the peer says is wrong with the certificate that we showed, or null.
const char* CertificateComplaint(int alert) {
  switch (alert) {
    case SSL_AD_UNKNOWN_CA:
      return "it is signed by an authority that is not trusted there";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "it has expired or is not yet valid, by the clock there";
    case SSL_AD_CERTIFICATE_REVOKED:
      return "it was revoked";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return "it is made for another purpose";
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return "it is made for another name";
    case SSL_AD_BAD_CERTIFICATE:
      return "it is not acceptable there";
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "none was shown, and one is needed";
    case SSL_AD_ACCESS_DENIED:
      return "access is denied";
    default:
      return nullptr;
  }
}

TlsFailure AlertFailure(int alert, TlsRole role) {
  if (const char* complaint = CertificateComplaint(alert); complaint != nullptr) {
    return {TlsError::kCertificateRefused,
            PeerWord(role) + " refused our certificate: " + complaint};
  }
  switch (alert) {
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return {TlsError::kNoCommonProtocol,
              PeerWord(role) + " speaks none of the protocols that we offer (ALPN)"};
    case SSL_AD_PROTOCOL_VERSION:
      return {TlsError::kVersion, PeerWord(role) + " does not speak TLS 1.3"};
    default:
      return {TlsError::kPeerAlert, PeerWord(role) + " ended the connection: TLS alert " +
                                        std::to_string(alert) + ", " +
                                        SSL_alert_desc_string_long(alert)};
  }
}

}  // namespace

TlsFailure FailureOfAlert(uint8_t alert, TlsRole role) { return AlertFailure(alert, role); }

TlsFailure FailureOfRecord(TlsError error, std::string_view text, TlsRole role) {
  if (error == TlsError::kBadRecord) return {error, std::string(text)};
  return {error, PeerWord(role) + " broke the TLS protocol: " + std::string(text)};
}

TlsFailure FailureOf(uint32_t error, TlsRole role) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
    return {TlsError::kProtocol, PeerWord(role) + " broke the TLS protocol"};
  }
  const int reason = ERR_GET_REASON(error);
  if (reason >= kAlertOffset) return AlertFailure(reason - kAlertOffset, role);
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return {TlsError::kNotTls, "the client speaks plain HTTP where TLS is expected: use https"};
    case SSL_R_WRONG_VERSION_NUMBER:
      return {TlsError::kNotTls, PeerWord(role) + " does not speak TLS"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
      return {TlsError::kVersion, PeerWord(role) + " does not speak TLS 1.3"};
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return {TlsError::kNoCommonProtocol,
              PeerWord(role) + " offers none of the protocols that we speak (ALPN)"};
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return {TlsError::kBadRecord, "a record was changed or forged on the way"};
    default: {
      const char* text = ERR_reason_error_string(error);
      return {TlsError::kProtocol, PeerWord(role) + " broke the TLS protocol: " +
                                       (text == nullptr ? "unknown reason" : text)};
    }
  }
}

}  // namespace engine
