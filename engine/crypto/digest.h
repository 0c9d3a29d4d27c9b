// SHA-256 and its MAC, at once or piece by piece.

#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "engine/base/bytes.h"

namespace engine::crypto {

inline constexpr size_t kSha256Size = 32;
using Sha256Digest = std::array<std::byte, kSha256Size>;

// Sha256 returns the SHA-256 of `bytes`.
Sha256Digest Sha256(ByteView bytes);

// HexSha256 returns the SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
std::string HexSha256(ByteView bytes);

// HmacSha256 returns HMAC-SHA-256 (RFC 2104) of `bytes` under a key of any size.
Sha256Digest HmacSha256(ByteView key, ByteView bytes);

// HmacSha1 is for one-time codes (RFC 6238), whose devices know nothing else.
inline constexpr size_t kSha1Size = 20;
using Sha1Digest = std::array<std::byte, kSha1Size>;
Sha1Digest HmacSha1(ByteView key, ByteView bytes);

// Sha1 is for the one place that still prescribes it, the WebSocket handshake (RFC 6455, 4.2.2).
// Never use it to protect anything.
Sha1Digest Sha1(ByteView bytes);

// Sha256Hasher takes a message in pieces. It is a plain value: a copy goes on from the same state.
class Sha256Hasher {
 public:
  Sha256Hasher();

  void Update(ByteView bytes);

  // Finish returns the digest of everything given since construction or the last Finish(), and
  // starts over.
  Sha256Digest Finish();

 private:
  // The size and alignment of BoringSSL's SHA256_CTX, checked in digest.cc, so that this header
  // stays free of openssl/*.
  alignas(8) std::array<std::byte, 112> state_;
};

}  // namespace engine::crypto
