#include "engine/tls/traffic_keys.h"

#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/hkdf.h>
#include <openssl/mem.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/piece_cipher.h"

namespace engine {
namespace {

using crypto::MutableOctets;
using crypto::Octets;

// HkdfLabel (RFC 8446, 7.1): size, then label and context, each with its size before it.
constexpr std::string_view kLabelPrefix = "tls13 ";
constexpr size_t kLabelSizeMax = 255;
constexpr size_t kContextSizeMax = EVP_MAX_MD_SIZE;
constexpr size_t kHkdfLabelSizeMax = 2 + 1 + kLabelSizeMax + 1 + kContextSizeMax;

const EVP_MD* DigestOf(TlsSuite suite) {
  return suite == TlsSuite::kAes256GcmSha384 ? EVP_sha384() : EVP_sha256();
}

const EVP_AEAD* AeadOf(TlsSuite suite) {
  switch (suite) {
    case TlsSuite::kAes128GcmSha256:
      return EVP_aead_aes_128_gcm();
    case TlsSuite::kAes256GcmSha384:
      return EVP_aead_aes_256_gcm();
    case TlsSuite::kChaCha20Poly1305Sha256:
      return EVP_aead_chacha20_poly1305();
  }
  CHECK(false);
}

// Every key has a number of its own, by which a thread knows whose it used last.
std::atomic<uint64_t> last_key_number{0};

// Hash returns the size of the suite's hash of `bytes`, which it writes to `out`.
size_t Hash(TlsSuite suite, ByteView bytes, std::span<std::byte, EVP_MAX_MD_SIZE> out) {
  unsigned size = 0;
  CHECK(
      EVP_Digest(bytes.data(), bytes.size(), MutableOctets(out), &size, DigestOf(suite), nullptr));
  return size;
}

}  // namespace

std::optional<TlsSuite> SuiteOf(uint16_t number) {
  for (const TlsSuite suite : {TlsSuite::kAes128GcmSha256, TlsSuite::kAes256GcmSha384,
                               TlsSuite::kChaCha20Poly1305Sha256}) {
    if (number == static_cast<uint16_t>(suite)) return suite;
  }
  return std::nullopt;
}

TlsSecret::TlsSecret(ByteView bytes) { Set(bytes); }

TlsSecret::~TlsSecret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

void TlsSecret::Set(ByteView bytes) {
  CHECK(bytes.size() <= kSizeMax);
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  size_ = static_cast<uint8_t>(bytes.size());
}

void HkdfExpandLabel(TlsSuite suite, ByteView secret, std::string_view label, ByteView context,
                     std::span<std::byte> out) {
  CHECK(kLabelPrefix.size() + label.size() <= kLabelSizeMax);
  CHECK(context.size() <= kContextSizeMax);
  CHECK(out.size() <= UINT16_MAX);
  std::array<uint8_t, kHkdfLabelSizeMax> info;
  size_t size = 0;
  const auto append = [&info, &size](const void* bytes, size_t count) {
    if (count > 0) std::memcpy(info.data() + size, bytes, count);
    size += count;
  };
  info[size++] = static_cast<uint8_t>(out.size() >> 8);
  info[size++] = static_cast<uint8_t>(out.size());
  info[size++] = static_cast<uint8_t>(kLabelPrefix.size() + label.size());
  append(kLabelPrefix.data(), kLabelPrefix.size());
  append(label.data(), label.size());
  info[size++] = static_cast<uint8_t>(context.size());
  append(context.data(), context.size());
  CHECK(HKDF_expand(MutableOctets(out), out.size(), DigestOf(suite), Octets(secret), secret.size(),
                    info.data(), size));
}

void TlsExport(TlsSuite suite, ByteView exporter_secret, std::string_view label, ByteView context,
               std::span<std::byte> out) {
  // 7.5: HKDF-Expand-Label(Derive-Secret(secret, label, ""), "exporter", Hash(context), size).
  std::array<std::byte, EVP_MAX_MD_SIZE> hash;
  const size_t hash_size = Hash(suite, {}, hash);
  std::array<std::byte, EVP_MAX_MD_SIZE> derived;
  const std::span<std::byte> secret = std::span(derived).first(hash_size);
  HkdfExpandLabel(suite, exporter_secret, label, ByteView(hash).first(hash_size), secret);
  Hash(suite, context, hash);
  HkdfExpandLabel(suite, secret, "exporter", ByteView(hash).first(hash_size), out);
  OPENSSL_cleanse(derived.data(), derived.size());
}

TrafficKeys::TrafficKeys(TlsSuite suite, ByteView secret, uint64_t sequence)
    : sequence_(sequence), secret_(secret), suite_(suite) {
  CHECK(secret.size() == EVP_MD_size(DigestOf(suite)));
  EVP_AEAD_CTX_zero(&aead_);
  Derive();
}

TrafficKeys::~TrafficKeys() {
  EVP_AEAD_CTX_cleanup(&aead_);
  OPENSSL_cleanse(&aead_, sizeof(aead_));
  OPENSSL_cleanse(iv_.data(), iv_.size());
  OPENSSL_cleanse(key_.data(), key_.size());
  PieceCipher::Forget(key_number_);
}

void TrafficKeys::Derive() {
  const std::span<std::byte> key = std::span(key_).first(EVP_AEAD_key_length(AeadOf(suite_)));
  HkdfExpandLabel(suite_, secret_.bytes(), "key", {}, key);
  HkdfExpandLabel(suite_, secret_.bytes(), "iv", {}, std::as_writable_bytes(std::span(iv_)));
  EVP_AEAD_CTX_cleanup(&aead_);
  CHECK(EVP_AEAD_CTX_init(&aead_, AeadOf(suite_), Octets(key), key.size(), kTlsRecordTag, nullptr));
  if (key_number_ != 0) PieceCipher::Forget(key_number_);
  key_number_ = last_key_number.fetch_add(1, std::memory_order_relaxed) + 1;
}

void TrafficKeys::Update() {
  std::array<std::byte, TlsSecret::kSizeMax> next;
  const std::span<std::byte> used = std::span(next).first(secret_.bytes().size());
  HkdfExpandLabel(suite_, secret_.bytes(), "traffic upd", {}, used);
  secret_.Set(used);
  OPENSSL_cleanse(next.data(), next.size());
  sequence_ = 0;
  Derive();
}

// 5.3: the sequence number, padded on the left, xor the iv. It counts on by itself.
TrafficKeys::Nonce TrafficKeys::NextNonce() {
  Nonce nonce = iv_;
  std::array<std::byte, sizeof(uint64_t)> number;
  StoreBig(number.data(), sequence_++);
  for (size_t i = 0; i < number.size(); ++i) {
    uint8_t& octet = nonce[kNonceSize - number.size() + i];
    octet = static_cast<uint8_t>(octet ^ static_cast<uint8_t>(number[i]));
  }
  return nonce;
}

void TrafficKeys::Seal(ByteView header, ByteView content, ContentType type, std::byte* out,
                       std::span<std::byte, kTlsRecordTrailer> trailer) {
  CHECK(sequence_ < sequence_max());
  const Nonce nonce = NextNonce();
  const uint8_t sealed_type = static_cast<uint8_t>(type);
  size_t trailer_size = 0;
  CHECK(EVP_AEAD_CTX_seal_scatter(&aead_, reinterpret_cast<uint8_t*>(out), MutableOctets(trailer),
                                  &trailer_size, trailer.size(), nonce.data(), nonce.size(),
                                  Octets(content), content.size(), &sealed_type, 1, Octets(header),
                                  header.size()));
  CHECK(trailer_size == trailer.size());
}

size_t TrafficKeys::SealPieces(ByteView header, std::span<const ByteView> pieces, ContentType type,
                               std::span<std::byte> out,
                               std::span<std::byte, kTlsRecordTrailer> trailer) {
  if (pieces.size() == 1) {
    Seal(header, pieces.front(), type, out.data(), trailer);
    return 0;
  }
  PieceCipher* cipher =
      out.size() < kApartMin
          ? nullptr
          : PieceCipher::Of(
                suite_, PieceCipher::Direction::kSeal,
                {ByteView(key_).first(EVP_AEAD_key_length(AeadOf(suite_))), key_number_});
  if (cipher != nullptr) {
    CHECK(sequence_ < sequence_max());
    cipher->Begin(NextNonce(), header);
  }
  size_t end = 0;
  for (const ByteView piece : pieces) {
    // An empty piece may be null, which memcpy does not take.
    if (piece.empty()) continue;
    CHECK(piece.size() <= out.size() - end);
    if (cipher != nullptr) {
      cipher->Take(piece, out.data() + end);
    } else {
      std::memcpy(out.data() + end, piece.data(), piece.size());
    }
    end += piece.size();
  }
  CHECK(end == out.size());
  if (cipher == nullptr) {
    Seal(header, out, type, out.data(), trailer);
    return end;
  }
  const std::byte sealed_type = static_cast<std::byte>(type);
  cipher->Take({&sealed_type, 1}, trailer.data());
  cipher->FinishSeal(trailer.last<kTlsRecordTag>());
  return 0;
}

bool TrafficKeys::OpenPieces(ByteView header, std::span<const ByteView> pieces,
                             std::span<std::byte> out, ByteView tag) {
  CHECK(sequence_ < kSequenceMax);
  PieceCipher* cipher =
      PieceCipher::Of(suite_, PieceCipher::Direction::kOpen,
                      {ByteView(key_).first(EVP_AEAD_key_length(AeadOf(suite_))), key_number_});
  CHECK(cipher != nullptr);
  cipher->Begin(NextNonce(), header);
  size_t end = 0;
  for (const ByteView piece : pieces) {
    CHECK(piece.size() <= out.size() - end);
    cipher->Take(piece, out.data() + end);
    end += piece.size();
  }
  CHECK(end == out.size());
  if (cipher->FinishOpen(tag)) return true;
  OPENSSL_cleanse(out.data(), out.size());
  return false;
}

bool TrafficKeys::Open(ByteView header, std::span<std::byte> content,
                       std::span<const std::byte, kTlsRecordTag> tag) {
  CHECK(sequence_ < kSequenceMax);
  const Nonce nonce = NextNonce();
  const int opened = EVP_AEAD_CTX_open_gather(
      &aead_, MutableOctets(content), nonce.data(), nonce.size(), Octets(content), content.size(),
      Octets(tag), tag.size(), Octets(header), header.size());
  if (opened != 1) ERR_clear_error();
  return opened == 1;
}

}  // namespace engine
