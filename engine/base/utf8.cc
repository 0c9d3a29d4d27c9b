#include "engine/base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace engine {
namespace {

// Lead describes a character by its first byte: how many bytes follow it, and between which bounds
// the first of them lies. The bounds are what keeps overlong forms and surrogates out.
struct Lead {
  size_t follow_count;
  uint8_t first_min;
  uint8_t first_max;
};

bool ReadLead(uint8_t byte, Lead& out) {
  if (byte < 0xC2) return false;  // A continuation, or an overlong form of ASCII.
  if (byte < 0xE0) out = {1, 0x80, 0xBF};
  if (byte >= 0xE0) out = {2, 0x80, 0xBF};
  if (byte == 0xE0) out.first_min = 0xA0;
  if (byte == 0xED) out.first_max = 0x9F;
  if (byte >= 0xF0) out = {3, 0x80, 0xBF};
  if (byte == 0xF0) out.first_min = 0x90;
  if (byte == 0xF4) out.first_max = 0x8F;
  return byte <= 0xF4;
}

}  // namespace

bool IsUtf8(ByteView bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const auto byte = std::to_integer<uint8_t>(bytes[i++]);
    if (byte < 0x80) continue;
    Lead lead{};
    if (!ReadLead(byte, lead) || bytes.size() - i < lead.follow_count) return false;
    const auto first = std::to_integer<uint8_t>(bytes[i]);
    if (first < lead.first_min || first > lead.first_max) return false;
    for (size_t k = 1; k < lead.follow_count; ++k) {
      if (std::to_integer<uint8_t>(bytes[i + k]) >> 6 != 2) return false;
    }
    i += lead.follow_count;
  }
  return true;
}

std::string_view CutUtf8(std::string_view text, size_t size_max) {
  if (text.size() <= size_max) return text;
  size_t size = size_max;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace engine
