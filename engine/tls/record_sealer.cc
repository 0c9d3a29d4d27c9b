#include "engine/tls/record_sealer.h"

#include <array>

#include "engine/base/check.h"

namespace engine {

void RecordSealer::WriteHeader(std::span<std::byte> record) {
  CHECK(record.size() >= kTlsRecordOverhead);
  CHECK(record.size() <= kTlsRecordPlaintextMax + kTlsRecordOverhead);
  record[0] = static_cast<std::byte>(ContentType::kApplicationData);
  StoreBig(record.data() + 1, kLegacyRecordVersion);
  StoreBig(record.data() + 3, static_cast<uint16_t>(record.size() - kTlsRecordHeader));
}

// The header is what is authenticated beside the content (RFC 8446, 5.2).

void RecordSealer::SealInPlace(ContentType type, std::span<std::byte> record) {
  WriteHeader(record);
  const std::span<std::byte> content =
      record.subspan(kTlsRecordHeader, record.size() - kTlsRecordOverhead);
  keys_.Seal(record.first<kTlsRecordHeader>(), content, type, content.data(),
             record.last<kTlsRecordTrailer>());
}

size_t RecordSealer::SealPieces(ContentType type, std::span<const ByteView> pieces,
                                std::span<std::byte> record) {
  WriteHeader(record);
  return keys_.SealPieces(record.first<kTlsRecordHeader>(), pieces, type,
                          record.subspan(kTlsRecordHeader, record.size() - kTlsRecordOverhead),
                          record.last<kTlsRecordTrailer>());
}

void RecordSealer::SealKeyUpdate(KeyUpdateRequest request, std::span<std::byte> record) {
  CHECK(record.size() == kKeyUpdateRecordSize);
  const std::array<std::byte, kKeyUpdateSize> message = {
      static_cast<std::byte>(HandshakeType::kKeyUpdate), std::byte{0}, std::byte{0}, std::byte{1},
      static_cast<std::byte>(request)};
  const ByteView piece = message;
  SealPieces(ContentType::kHandshake, {&piece, 1}, record);
  keys_.Update();
}

}  // namespace engine
