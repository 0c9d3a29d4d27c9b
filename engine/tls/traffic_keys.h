// Internal to engine/tls: what protects one direction of an established TLS 1.3 connection.
//
//   traffic secret --"key", "iv"--> AEAD and its nonces        (RFC 8446, 7.3 and 5.3)
//         |
//         +--"traffic upd"--> the next generation's secret     (7.2)

#pragma once

#include <openssl/aead.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/tls/record_format.h"

namespace engine {

// TlsSuite is one of TLS 1.3's cipher suites, by its number (RFC 8446, B.4).
enum class TlsSuite : uint16_t {
  kAes128GcmSha256 = 0x1301,
  kAes256GcmSha384 = 0x1302,
  kChaCha20Poly1305Sha256 = 0x1303,
};

// SuiteOf returns the suite with this number, or nothing when it is none that is spoken here.
std::optional<TlsSuite> SuiteOf(uint16_t number);

// TlsSecret is a secret of the key schedule. It is overwritten when it goes.
class TlsSecret {
 public:
  static constexpr size_t kSizeMax = 48;  // SHA-384.

  TlsSecret() = default;
  explicit TlsSecret(ByteView bytes);  // Requires: bytes.size() <= kSizeMax.
  ~TlsSecret();
  TlsSecret(const TlsSecret&) = delete;
  TlsSecret& operator=(const TlsSecret&) = delete;

  ByteView bytes() const { return ByteView(bytes_).first(size_); }
  bool empty() const { return size_ == 0; }
  void Set(ByteView bytes);

 private:
  std::array<std::byte, kSizeMax> bytes_{};
  uint8_t size_ = 0;
};

// HkdfExpandLabel fills `out` (RFC 8446, 7.1) with the suite's hash.
// Requires: out.size() <= 255 hashes, label and context as short as TLS's own.
void HkdfExpandLabel(TlsSuite suite, ByteView secret, std::string_view label, ByteView context,
                     std::span<std::byte> out);

// TlsExport fills `out` with the exporter's value (RFC 8446, 7.5) for a label and a context.
void TlsExport(TlsSuite suite, ByteView exporter_secret, std::string_view label, ByteView context,
               std::span<std::byte> out);

// TrafficKeys seals, or opens, the records of one direction, one after another. It allocates
// nothing, except that Update() lets BoringSSL's HMAC take and give back a few bytes.
class TrafficKeys {
 public:
  // From this size on, AES-GCM takes pieces one by one (PieceCipher); smaller ones are put
  // together.
  static constexpr size_t kApartMin = 2048;

  // How many records may be sealed under one AES-GCM key: 2^24.5 full ones (RFC 8446, 5.5), counted
  // whatever their size. ChaCha20-Poly1305 has no limit but that of the sequence number (5.3).
  static constexpr uint64_t kAesGcmRecordsMax = 23'726'566;
  static constexpr uint64_t kSequenceMax = UINT64_MAX - 1;

  // Requires: the secret has the size of the suite's hash. `sequence` is the number of records that
  // went by under it.
  TrafficKeys(TlsSuite suite, ByteView secret, uint64_t sequence);
  ~TrafficKeys();
  TrafficKeys(const TrafficKeys&) = delete;
  TrafficKeys& operator=(const TrafficKeys&) = delete;

  // Update goes on to the next generation (7.2): new key, new iv, sequence number 0.
  void Update();

  // The number of records under these keys, and how many there may be.
  uint64_t sequence() const { return sequence_; }
  uint64_t sequence_max() const {
    return suite_ == TlsSuite::kChaCha20Poly1305Sha256 ? kSequenceMax : kAesGcmRecordsMax;
  }
  TlsSuite suite() const { return suite_; }

  // Seal encrypts `content` and the content type behind it: as many bytes as `content` to `out`,
  // the type and the tag to `trailer`. Requires: sequence() < sequence_max(); `out` is where
  // `content` lies, or does not overlap it.
  void Seal(ByteView header, ByteView content, ContentType type, std::byte* out,
            std::span<std::byte, kTlsRecordTrailer> trailer);

  // SealPieces is Seal for content in pieces, which `out` does not overlap. It returns how many
  // bytes it put together first.
  size_t SealPieces(ByteView header, std::span<const ByteView> pieces, ContentType type,
                    std::span<std::byte> out, std::span<std::byte, kTlsRecordTrailer> trailer);

  // OpenPieces is Open for content in pieces, which `out` does not overlap. False also means that
  // `out` was overwritten. Requires: can_open_pieces().
  [[nodiscard]] bool OpenPieces(ByteView header, std::span<const ByteView> pieces,
                                std::span<std::byte> out, ByteView tag);
  bool can_open_pieces() const { return suite_ != TlsSuite::kChaCha20Poly1305Sha256; }

  // Open decrypts where it lies. False: these bytes are not what the peer sealed as its next
  // record; what `content` holds then is not to be looked at.
  // Requires: sequence() < kSequenceMax.
  [[nodiscard]] bool Open(ByteView header, std::span<std::byte> content,
                          std::span<const std::byte, kTlsRecordTag> tag);

 private:
  static constexpr size_t kNonceSize = 12;
  using Nonce = std::array<uint8_t, kNonceSize>;

  void Derive();
  Nonce NextNonce();

  EVP_AEAD_CTX aead_;
  uint64_t sequence_;
  uint64_t key_number_ = 0;  // For PieceCipher.
  std::array<std::byte, 32> key_;
  TlsSecret secret_;
  Nonce iv_;
  const TlsSuite suite_;
};

}  // namespace engine
