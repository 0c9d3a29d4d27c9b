// Internal to engine/tls: AES-GCM over pieces, without putting them together first.
//
// BoringSSL's EVP_AEAD takes its input in one piece. Its EVP_CIPHER takes as many as there are, but
// is half again as large a state, so a connection has none of its own: each thread has one for each
// suite and direction, which stays with the connection that used it last. Another one that wants it
// pays for the key's schedule, which is less than to copy a large record.

#pragma once

#include <openssl/cipher.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/tls/record_format.h"

namespace engine {

enum class TlsSuite : uint16_t;

class PieceCipher {
 public:
  enum class Direction : uint8_t { kSeal, kOpen };

  // Key is a key with a number that no other key of this process has.
  struct Key {
    ByteView bytes;
    uint64_t number = 0;
  };

  // Of returns the thread's cipher, set up with this key; null for a suite other than AES-GCM, and
  // while the thread ends. It may be used until the next call.
  static PieceCipher* Of(TlsSuite suite, Direction direction, const Key& key);

  // Forget overwrites the key with this number wherever the thread still has it.
  static void Forget(uint64_t number);

  // Begin starts a record: what is authenticated with it is `header`.
  void Begin(std::span<const uint8_t, 12> nonce, ByteView header);
  // Take goes on with the next bytes, to `out`, which is `in` or does not overlap it.
  void Take(ByteView in, std::byte* out);
  // FinishSeal writes the tag. FinishOpen returns whether this is the tag; if not, nothing of what
  // was taken may be looked at.
  void FinishSeal(std::span<std::byte, kTlsRecordTag> tag);
  [[nodiscard]] bool FinishOpen(ByteView tag);

  PieceCipher(const PieceCipher&) = delete;
  PieceCipher& operator=(const PieceCipher&) = delete;

 private:
  struct Thread;
  PieceCipher(const EVP_CIPHER* cipher, Direction direction);
  ~PieceCipher();

  EVP_CIPHER_CTX context_;
  const Direction direction_;
  uint64_t key_number_ = 0;  // None has 0.
};

}  // namespace engine
