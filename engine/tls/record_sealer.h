// Internal to engine/tls: one direction's outgoing records on an established TLS 1.3 connection.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/tls/record_format.h"
#include "engine/tls/traffic_keys.h"

namespace engine {

class RecordSealer {
 public:
  // From so many records on, the keys should change (RFC 8446, 5.5): a third of what one AES-GCM
  // key may seal, so that the change never meets the limit.
  static constexpr uint64_t kUpdateAfterRecords = uint64_t{1} << 23;
  static_assert(kUpdateAfterRecords < TrafficKeys::kAesGcmRecordsMax / 2);

  RecordSealer(TlsSuite suite, ByteView secret, uint64_t sequence)
      : keys_(suite, secret, sequence) {}

  // is_update_due says that SealKeyUpdate should come before the next record; can_seal, that there
  // may be a next record at all. A KeyUpdate is one itself.
  bool is_update_due() const { return keys_.sequence() >= kUpdateAfterRecords; }
  TlsSuite suite() const { return keys_.suite(); }
  bool can_seal() const { return keys_.sequence() < keys_.sequence_max(); }

  // SealInPlace makes a record of the content that lies in the middle of `record`, which is
  // kTlsRecordHeader bytes before it, the content, and kTlsRecordTrailer bytes after it.
  // Requires: can_seal(); at most kTlsRecordPlaintextMax bytes of content.
  void SealInPlace(ContentType type, std::span<std::byte> record);

  // SealPieces makes a record of the pieces, in order, and returns how many bytes it had to put
  // together before they were sealed: none of one piece, and none of many if AES-GCM seals them.
  // Requires: as above; `record` has exactly kTlsRecordOverhead bytes more than the pieces and
  // overlaps none of them.
  size_t SealPieces(ContentType type, std::span<const ByteView> pieces,
                    std::span<std::byte> record);

  // SealKeyUpdate makes the record that says that the next one has other keys, and changes them
  // (4.6.3). Requires: can_seal(); record.size() == kKeyUpdateRecordSize.
  void SealKeyUpdate(KeyUpdateRequest request, std::span<std::byte> record);

 private:
  static void WriteHeader(std::span<std::byte> record);

  TrafficKeys keys_;
};

}  // namespace engine
