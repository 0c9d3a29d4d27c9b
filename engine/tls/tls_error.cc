#include "engine/tls/tls_error.h"

namespace engine {

std::string_view TlsErrorName(TlsError error) {
  switch (error) {
    case TlsError::kNone:
      return "none";
    case TlsError::kNotTls:
      return "not-tls";
    case TlsError::kVersion:
      return "version";
    case TlsError::kNoCommonProtocol:
      return "no-common-protocol";
    case TlsError::kOtherAuthority:
      return "other-authority";
    case TlsError::kFingerprintMismatch:
      return "fingerprint-mismatch";
    case TlsError::kOtherKey:
      return "other-key";
    case TlsError::kCertificateExpired:
      return "certificate-expired";
    case TlsError::kCertificateNotYetValid:
      return "certificate-not-yet-valid";
    case TlsError::kWrongPurpose:
      return "wrong-purpose";
    case TlsError::kWrongHost:
      return "wrong-host";
    case TlsError::kBadCertificate:
      return "bad-certificate";
    case TlsError::kCertificateRefused:
      return "certificate-refused";
    case TlsError::kPeerAlert:
      return "peer-alert";
    case TlsError::kBadRecord:
      return "bad-record";
    case TlsError::kProtocol:
      return "protocol";
  }
  return "unknown";
}

}  // namespace engine
