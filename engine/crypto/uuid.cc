#include "engine/crypto/uuid.h"

#include <cstddef>
#include <utility>

#include "engine/crypto/random_bytes.h"

namespace engine::crypto {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

// ToUuid takes 32 hexadecimal digits and gives them a version and RFC 9562's variant, which is in
// the two highest bits of the ninth byte.
std::string ToUuid(std::string hex, char version) {
  const char digit = hex[16];
  const int value = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
  hex[12] = version;
  hex[16] = "89ab"[value & 3];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace

std::string NewUuid() { return ToUuid(RandomHex(16), '4'); }

std::string NewTimeUuid(int64_t unix_ms) {
  constexpr size_t kTimeDigits = 12;  // 48 bits.
  std::string hex = RandomHex(16);
  auto rest = static_cast<uint64_t>(unix_ms);
  for (size_t i = kTimeDigits; i > 0; --i, rest >>= 4) hex[i - 1] = kDigits[rest & 0xF];
  return ToUuid(std::move(hex), '7');
}

}  // namespace engine::crypto
