#include "relay/store/identifiers.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/crypto/base64.h"
#include "engine/crypto/random_bytes.h"

namespace relay {
namespace {

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr size_t kSessionUserSizeMax = 64;

// One random byte a digit: 256 is a multiple of 32, so every digit is as likely as any other.
std::string RandomBase32(size_t size) {
  std::array<std::byte, 64> bytes;
  engine::crypto::FillRandom(std::span(bytes).first(size));
  std::string out;
  for (size_t i = 0; i < size; ++i) out.push_back(kBase32[static_cast<uint8_t>(bytes[i]) & 31]);
  return out;
}

std::string RandomUpperBase32(size_t size) {
  std::string digits = RandomBase32(size);
  for (char& c : digits) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return digits;
}

template <size_t kSize>
std::string RandomBase64Url() {
  std::array<std::byte, kSize> bytes;
  engine::crypto::FillRandom(bytes);
  return engine::crypto::EncodeBase64Url(bytes);
}

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsSessionIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '=' || c == ',' || c == '.' || c == '@' || c == '-';
}

}  // namespace

std::string NewNodeId() { return "mi-" + engine::crypto::RandomHex(9).substr(0, 17); }

bool IsNodeId(std::string_view text) {
  if (text.size() != 20 || !text.starts_with("mi-")) return false;
  for (const char c : text.substr(3)) {
    if (!IsHexDigit(c)) return false;
  }
  return true;
}

std::string NewSessionId(std::string_view user_name) {
  std::string user(user_name.substr(0, kSessionUserSizeMax));
  for (char& c : user) {
    if (!IsSessionIdCharacter(c)) c = '-';
  }
  if (user.empty()) user = "user";
  // Some agents clean up files whose names contain "tmp", and would lose such a session's.
  std::string digits = RandomBase32(26);
  while (digits.find("tmp") != std::string::npos) digits = RandomBase32(26);
  return user + "-" + digits;
}

std::string NewToken() { return RandomBase64Url<32>(); }

std::string NewAccessKeyId() { return "AKIA" + RandomUpperBase32(16); }

std::string NewIamId(std::string_view prefix) {
  return std::string(prefix) + RandomUpperBase32(17);
}

std::string NewAccessKeySecret() { return RandomBase64Url<30>(); }

}  // namespace relay
