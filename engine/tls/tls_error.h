#pragma once

#include <cstdint>
#include <string_view>

namespace engine {

// TlsError is the one list of reasons why a TLS connection ends badly. TlsChannel::error_text()
// says more, for people.
enum class TlsError : uint8_t {
  kNone,
  kNotTls,                  // The peer speaks something else, such as plain HTTP.
  kVersion,                 // The peer does not speak TLS 1.3.
  kNoCommonProtocol,        // ALPN: nothing that both speak.
  kOtherAuthority,          // The peer's certificate is signed by another authority.
  kFingerprintMismatch,     // First contact: the promised certificate is not in the chain.
  kOtherKey,                // The peer holds another key than the one that was promised.
  kCertificateExpired,      // By our clock, which may be wrong.
  kCertificateNotYetValid,  // By our clock, which may be wrong.
  kWrongPurpose,            // A client's certificate where a server's must be, or the reverse.
  kWrongHost,               // The certificate is for another name than the one dialled.
  kBadCertificate,          // Anything else wrong with the peer's certificate.
  kCertificateRefused,      // The peer refused ours.
  kPeerAlert,               // The peer ended with another alert.
  kBadRecord,               // Bytes changed on the way, or forged.
  kProtocol,                // Anything else that TLS 1.3 forbids.
};

// TlsErrorName returns the error in lower-case words with dashes, for logs and counters, such as
// `other-authority`.
std::string_view TlsErrorName(TlsError error);

}  // namespace engine
