// The encryption of an AWS session's payloads between its client and its node: AES-256-GCM under
// two keys, one for each direction, which are the two halves of a data key that both got from a
// key service.
//
//   sealed payload = nonce (12 bytes) | ciphertext | tag (16 bytes)

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/bytes.h"

namespace engine::crypto {

inline constexpr size_t kDataKeySize = 64;
inline constexpr size_t kPayloadNonceSize = 12;
inline constexpr size_t kPayloadOverhead = kPayloadNonceSize + 16;

// What a client has to seal once to show that it holds the key.
inline constexpr size_t kKeyChallengeSize = 64;

class PayloadCipher {
 public:
  enum class End : uint8_t { kClient, kNode };
  using Nonce = std::array<std::byte, kPayloadNonceSize>;

  // `data_key` is cut in two: its first half seals what the node says, its second what the client
  // says. Nonces count up from `first_nonce`, which must not be the same twice under one key; the
  // usual one is random. Requires: data_key.size() == kDataKeySize.
  PayloadCipher(End end, ByteView data_key, const Nonce& first_nonce);
  PayloadCipher(End end, ByteView data_key);
  ~PayloadCipher();
  PayloadCipher(const PayloadCipher&) = delete;
  PayloadCipher& operator=(const PayloadCipher&) = delete;

  // Seal writes plain.size() + kPayloadOverhead bytes and returns how many. `plain` and `out` must
  // not overlap. Requires: room for them.
  size_t Seal(ByteView plain, std::span<std::byte> out);

  // Open writes what the other end sealed and returns its size, or nothing: it is none of that.
  // Requires: room for sealed.size() bytes.
  std::optional<size_t> Open(ByteView sealed, std::span<std::byte> out) const;

 private:
  static constexpr size_t kKeySize = 32;

  std::array<std::byte, kKeySize> seal_key_;
  std::array<std::byte, kKeySize> open_key_;
  Nonce nonce_;
};

}  // namespace engine::crypto
