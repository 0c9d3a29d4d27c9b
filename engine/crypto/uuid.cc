#include "engine/crypto/uuid.h"

#include "engine/crypto/random_bytes.h"

namespace engine::crypto {

std::string NewUuid() {
  std::string hex = RandomHex(16);
  // Version 4, and RFC 4122's variant in the two highest bits of the ninth byte.
  const char digit = hex[16];
  const int value = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
  hex[12] = '4';
  hex[16] = "89ab"[value & 3];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace engine::crypto
