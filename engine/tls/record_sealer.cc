#include "engine/tls/record_sealer.h"

#include <array>
#include <cstring>

#include "engine/base/check.h"

namespace engine {

void RecordSealer::Seal(ContentType type, ByteView content, std::span<std::byte> record) {
  CHECK(record.size() == content.size() + kTlsRecordOverhead);
  CHECK(content.size() <= kTlsRecordPlaintextMax);
  record[0] = static_cast<std::byte>(ContentType::kApplicationData);
  StoreBig(record.data() + 1, kLegacyRecordVersion);
  StoreBig(record.data() + 3, static_cast<uint16_t>(record.size() - kTlsRecordHeader));
  // The header is what is authenticated beside the content (RFC 8446, 5.2).
  keys_.Seal(record.first<kTlsRecordHeader>(), content, type, record.data() + kTlsRecordHeader,
             record.last<kTlsRecordTrailer>());
}

void RecordSealer::SealInPlace(ContentType type, std::span<std::byte> record) {
  CHECK(record.size() >= kTlsRecordOverhead);
  Seal(type, record.subspan(kTlsRecordHeader, record.size() - kTlsRecordOverhead), record);
}

void RecordSealer::SealPieces(ContentType type, std::span<const ByteView> pieces,
                              std::span<std::byte> record) {
  if (pieces.size() == 1) return Seal(type, pieces.front(), record);
  size_t end = kTlsRecordHeader;
  for (const ByteView piece : pieces) {
    // An empty piece may be null, which memcpy does not take.
    if (piece.empty()) continue;
    CHECK(piece.size() <= record.size() - end);
    std::memcpy(record.data() + end, piece.data(), piece.size());
    end += piece.size();
  }
  CHECK(end + kTlsRecordTrailer == record.size());
  SealInPlace(type, record);
}

void RecordSealer::SealKeyUpdate(KeyUpdateRequest request, std::span<std::byte> record) {
  CHECK(record.size() == kKeyUpdateRecordSize);
  const std::array<std::byte, kKeyUpdateSize> message = {
      static_cast<std::byte>(HandshakeType::kKeyUpdate), std::byte{0}, std::byte{0}, std::byte{1},
      static_cast<std::byte>(request)};
  Seal(ContentType::kHandshake, message, record);
  keys_.Update();
}

}  // namespace engine
