// Reading and building big-endian bytes without ever leaving the bounds.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace engine {

using ByteView = std::span<const std::byte>;

// AsBytes and AsText view the same memory the other way; nothing is copied.
inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// StoreBig writes `value` as sizeof(value) big-endian bytes at `out`.
template <class Integer>
inline void StoreBig(std::byte* out, Integer value) {
  for (size_t i = sizeof(Integer); i > 0; --i) {
    out[i - 1] = static_cast<std::byte>(value & 0xFF);
    if constexpr (sizeof(Integer) > 1) value = static_cast<Integer>(value >> 8);
  }
}

template <class Integer>
inline Integer LoadBig(const std::byte* in) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    if constexpr (sizeof(Integer) > 1) value = static_cast<Integer>(value << 8);
    value = static_cast<Integer>(value | static_cast<Integer>(in[i]));
  }
  return value;
}

// ByteReader takes integers and slices off the front of foreign bytes. Every call returns false,
// and moves nothing, when too few bytes are left.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  template <class Integer>
  [[nodiscard]] bool Read(Integer& out) {
    if (rest_.size() < sizeof(Integer)) return false;
    out = LoadBig<Integer>(rest_.data());
    rest_ = rest_.subspan(sizeof(Integer));
    return true;
  }
  [[nodiscard]] bool ReadBytes(size_t size, ByteView& out) {
    if (rest_.size() < size) return false;
    out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }
  ByteView rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  ByteView rest_;
};

// ToHex returns lower-case hexadecimal digits, two a byte.
std::string ToHex(ByteView bytes);

// FromHex fills `out` exactly, and returns false when `text` is not 2 * out.size() hex digits.
[[nodiscard]] bool FromHex(std::string_view text, std::span<std::byte> out);

}  // namespace engine
