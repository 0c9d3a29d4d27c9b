#include "bench/macro/loadgen/sealed_relay.h"

#include <openssl/aead.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bench/macro/loadgen/loadgen_socket.h"

namespace loadgen {
namespace {

// RFC 8446, 5.1 and 5.2: a record has a header of 5 bytes and at most 2^14 bytes of plaintext.
constexpr size_t kHeaderSize = 5;
constexpr size_t kTagSize = 16;
constexpr size_t kPlainMax = 16384;
constexpr size_t kRecordMax = kHeaderSize + kPlainMax + kTagSize;

// Cipher is AES-128-GCM under the one key, and the number of the next record.
class Cipher {
 public:
  Cipher() {
    constexpr std::array<uint8_t, 16> kKey{};
    valid_ = EVP_AEAD_CTX_init(&context_, EVP_aead_aes_128_gcm(), kKey.data(), kKey.size(),
                               kTagSize, nullptr) == 1;
  }
  ~Cipher() { EVP_AEAD_CTX_cleanup(&context_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  bool valid() const { return valid_; }

  // Seal writes the record of `size` bytes to `record` and returns its size, or 0.
  size_t Seal(const uint8_t* plain, size_t size, uint8_t* record) {
    const size_t sealed = size + kTagSize;
    const std::array<uint8_t, kHeaderSize> header{23, 3, 3, static_cast<uint8_t>(sealed >> 8),
                                                  static_cast<uint8_t>(sealed & 0xff)};
    std::memcpy(record, header.data(), kHeaderSize);
    size_t written = 0;
    const auto nonce = NextNonce();
    const int done =
        EVP_AEAD_CTX_seal(&context_, record + kHeaderSize, &written, sealed, nonce.data(),
                          nonce.size(), plain, size, record, kHeaderSize);
    return done == 1 ? kHeaderSize + written : 0;
  }

  // Open writes what the record of `size` bytes holds to `plain`, and returns false if it is none.
  bool Open(const uint8_t* record, size_t size, uint8_t* plain, size_t& plain_size) {
    const auto nonce = NextNonce();
    return EVP_AEAD_CTX_open(&context_, plain, &plain_size, kPlainMax, nonce.data(), nonce.size(),
                             record + kHeaderSize, size - kHeaderSize, record, kHeaderSize) == 1;
  }

 private:
  std::array<uint8_t, 12> NextNonce() {
    std::array<uint8_t, 12> nonce{};
    std::memcpy(nonce.data(), &number_, sizeof number_);
    ++number_;
    return nonce;
  }

  EVP_AEAD_CTX context_;
  uint64_t number_ = 0;
  bool valid_ = false;
};

size_t RecordSize(const uint8_t* header) {
  return kHeaderSize + (size_t{header[3]} << 8) + header[4];
}

}  // namespace

void Seal(int from, int to, size_t size) {
  Cipher cipher;
  if (!cipher.valid()) return;
  std::vector<uint8_t> plain(size);
  std::vector<uint8_t> records((size / kPlainMax + 1) * kRecordMax);
  for (;;) {
    const ssize_t received = recv(from, plain.data(), plain.size(), 0);
    if (received <= 0) return;
    const auto end = static_cast<size_t>(received);
    size_t filled = 0;
    for (size_t at = 0; at < end; at += kPlainMax) {
      const size_t piece = std::min(kPlainMax, end - at);
      const size_t sealed = cipher.Seal(plain.data() + at, piece, records.data() + filled);
      if (sealed == 0) return;
      filled += sealed;
    }
    if (!SendAll(to, records.data(), filled)) return;
  }
}

void Open(int from, int to, size_t size) {
  Cipher cipher;
  if (!cipher.valid()) return;
  std::vector<uint8_t> records(size + kRecordMax);
  std::vector<uint8_t> plain(records.size());
  size_t filled = 0;  // The beginning of a record is kept for what comes next.
  for (;;) {
    const ssize_t received = recv(from, records.data() + filled, records.size() - filled, 0);
    if (received <= 0) return;
    filled += static_cast<size_t>(received);
    size_t at = 0;
    size_t opened = 0;
    while (filled - at >= kHeaderSize) {
      const size_t record_size = RecordSize(records.data() + at);
      if (record_size > kRecordMax) return;
      if (filled - at < record_size) break;
      size_t piece = 0;
      if (!cipher.Open(records.data() + at, record_size, plain.data() + opened, piece)) return;
      opened += piece;
      at += record_size;
    }
    std::memmove(records.data(), records.data() + at, filled - at);
    filled -= at;
    if (opened > 0 && !SendAll(to, plain.data(), opened)) return;
  }
}

}  // namespace loadgen
