#include "engine/crypto/constant_time.h"

#include <openssl/mem.h>

namespace engine::crypto {

bool ConstantTimeEqual(ByteView left, ByteView right) {
  if (left.size() != right.size()) return false;
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void Cleanse(std::span<std::byte> secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

}  // namespace engine::crypto
