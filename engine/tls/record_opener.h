// Internal to engine/tls: one direction's incoming records on an established TLS 1.3 connection.
//
//   SizeOf(header) -> how many bytes the record has -> Open(record) -> content in the same place
//
// What the peer may send besides application data is little (RFC 8446, 4.6 and 6): close_notify,
// alerts, KeyUpdate, and to a client tickets, which are not kept. Anything else ends the connection
// with the alert that the RFC names. After the first failure nothing is ever opened again.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/tls/record_format.h"
#include "engine/tls/tls_error.h"
#include "engine/tls/traffic_keys.h"

namespace engine {

// RecordFailure says why nothing is opened any more. `text` is for people. Either `alert` must be
// sent, or `peer_alert` came.
struct RecordFailure {
  TlsError error = TlsError::kNone;
  TlsAlert alert = TlsAlert::kInternalError;
  uint8_t peer_alert = 0;  // With TlsError::kPeerAlert.
  const char* text = "";
};

class RecordOpener {
 public:
  enum class Result : uint8_t {
    kData,             // `content` holds application data, at least one byte.
    kNothing,          // Nothing for the caller: a ticket, the peer's new keys, an empty record.
    kUpdateRequested,  // As kNothing, and the peer wants a KeyUpdate before our next data (4.6.3).
    kEnd,              // close_notify: what follows is to be ignored (6.1).
    kFailed,           // See failure().
  };

  // Who may ask for work without end, and how often it may in a row. Empty records, key updates
  // and user_canceled each cost us something and carry nothing; data in between starts anew.
  static constexpr uint8_t kEmptyRecordsMax = 32;
  static constexpr uint8_t kKeyUpdatesMax = 32;
  static constexpr uint8_t kUserCanceledMax = 4;
  // The largest handshake message; a ticket with the longest lifetime of state is far smaller.
  static constexpr size_t kMessageSizeMax = 16 * 1024;
  // From so many records on under one AES-GCM key, the peer should be asked for new ones (5.5).
  static constexpr uint64_t kAskUpdateAfterRecords = uint64_t{1} << 24;
  static_assert(kAskUpdateAfterRecords > TrafficKeys::kAesGcmRecordsMax / 2);

  enum class Tickets : uint8_t { kIgnored, kForbidden };  // A client's; a server's.

  RecordOpener(TlsSuite suite, ByteView secret, uint64_t sequence, Tickets tickets)
      : keys_(suite, secret, sequence), tickets_(tickets) {}

  // SizeOf returns the size of the record that begins with these bytes, header included, at most
  // kTlsRecordSizeMax; or 0 when no record may begin so: then this has failed.
  // Requires: header.size() == kTlsRecordHeader; not failed.
  size_t SizeOf(ByteView header);

  // Open decrypts a whole record, of the size that SizeOf said, where it lies. With kData,
  // `content` is the part of it that is plaintext: kTlsRecordHeader bytes from its beginning and at
  // least kTlsRecordTrailer from its end. Otherwise `content` is left alone. Requires: not failed.
  Result Open(std::span<std::byte> record, std::span<std::byte>& content);

  // OpenPieces does that for a record in two parts, cut anywhere behind the header, and writes its
  // content to where it would be in `record`, which overlaps neither. Requires: can_open_pieces().
  Result OpenPieces(ByteView first, ByteView second, std::span<std::byte> record,
                    std::span<std::byte>& content);
  bool can_open_pieces() const { return keys_.can_open_pieces(); }

  // is_update_wanted says that the peer should be asked for new keys; AskedForUpdate, that it was.
  bool is_update_wanted() const {
    return !asked_for_update_ && keys_.suite() != TlsSuite::kChaCha20Poly1305Sha256 &&
           keys_.sequence() >= kAskUpdateAfterRecords;
  }
  void AskedForUpdate() { asked_for_update_ = true; }

  const RecordFailure& failure() const { return failure_; }
  bool has_failed() const { return failure_.error != TlsError::kNone; }

 private:
  Result Judge(bool genuine, std::span<std::byte> inner, std::span<std::byte>& content);
  Result HandleAlert(ByteView content);
  Result HandleHandshake(ByteView content);
  Result HandleKeyUpdate(std::byte request);
  Result FailSpent();
  Result Fail(TlsError error, TlsAlert alert, const char* text);

  TrafficKeys keys_;
  const Tickets tickets_;
  bool asked_for_update_ = false;
  uint8_t empty_records_ = 0;
  uint8_t key_updates_ = 0;
  uint8_t user_canceled_ = 0;
  // A handshake message may lie in several records (5.1): how much of its header came, and how much
  // of its body is to come.
  uint8_t message_header_size_ = 0;
  std::array<std::byte, kHandshakeHeader> message_header_{};
  uint32_t message_left_ = 0;
  RecordFailure failure_;
};

}  // namespace engine
