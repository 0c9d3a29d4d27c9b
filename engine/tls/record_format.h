// What a TLS 1.3 record looks like on the wire (RFC 8446, 5.2):
//
//     23 | 3 3 | size (2) | content ... | content type | zeros ... | tag (16)
//     \___ header (5) ___/ \_________________ sealed ________________/
//
// We send no padding, so that a record of ours is its content, 5 bytes before and 17 after it.

#pragma once

#include <cstddef>
#include <cstdint>

namespace engine {

// The most content in one record (RFC 8446, 5.1), and what a record adds: header 5, inner content
// type 1, tag 16.
inline constexpr size_t kTlsRecordPlaintextMax = 16384;
inline constexpr size_t kTlsRecordHeader = 5;
inline constexpr size_t kTlsRecordTag = 16;
inline constexpr size_t kTlsRecordTrailer = 1 + kTlsRecordTag;
inline constexpr size_t kTlsRecordOverhead = kTlsRecordHeader + kTlsRecordTrailer;

// The most that a header may promise (5.2), and thus the largest record, with padding.
inline constexpr size_t kTlsSealedMax = kTlsRecordPlaintextMax + 256;
inline constexpr size_t kTlsRecordSizeMax = kTlsRecordHeader + kTlsSealedMax;

// ContentType says what a record carries (5.1). On the wire every protected record says
// kApplicationData; the true type is sealed.
enum class ContentType : uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

// legacy_record_version (5.1), the second and third byte of each record.
inline constexpr uint16_t kLegacyRecordVersion = 0x0303;

// HandshakeType lists the messages that an established connection may carry (4), and nothing else.
enum class HandshakeType : uint8_t { kNewSessionTicket = 4, kKeyUpdate = 24 };

// A message's type and size stand before it (4).
inline constexpr size_t kHandshakeHeader = 4;

// KeyUpdateRequest is the one byte of a KeyUpdate (4.6.3).
enum class KeyUpdateRequest : uint8_t { kNotRequested = 0, kRequested = 1 };

inline constexpr size_t kKeyUpdateSize = kHandshakeHeader + 1;
inline constexpr size_t kKeyUpdateRecordSize = kKeyUpdateSize + kTlsRecordOverhead;

inline constexpr size_t kAlertSize = 2;
inline constexpr size_t kAlertRecordSize = kAlertSize + kTlsRecordOverhead;

// TlsAlert lists the alerts (6) that an established connection sends or understands.
enum class TlsAlert : uint8_t {
  kCloseNotify = 0,
  kUnexpectedMessage = 10,
  kBadRecordMac = 20,
  kRecordOverflow = 22,
  kIllegalParameter = 47,
  kDecodeError = 50,
  kProtocolVersion = 70,
  kInternalError = 80,
  kUserCanceled = 90,
};

}  // namespace engine
