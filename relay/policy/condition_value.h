// The values that conditions compare and that are more than text: numbers, dates, addresses.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace relay::policy {

// ParseNumber reads a decimal number: 3389, -1, 0.5.
std::optional<double> ParseNumber(std::string_view text);

// ParseDate returns unix milliseconds. It reads the W3C's profile of ISO 8601 (2026, 2026-11,
// 2026-11-27, 2026-11-27T09:30Z, 2026-11-27T09:30:00.5+01:00; what is not there is zero) and unix
// seconds. Exactly four digits are a year.
std::optional<int64_t> ParseDate(std::string_view text);

// IpRange is an IPv4 or IPv6 address, or a range of them in CIDR form. An IPv4 address that is
// written as IPv6 (::ffff:192.0.2.1) is that IPv4 address: a listener for both shows it so.
class IpRange {
 public:
  static std::optional<IpRange> Parse(std::string_view text);

  // ParseAddress is Parse for a single address.
  static std::optional<IpRange> ParseAddress(std::string_view text);

  bool Contains(const IpRange& address) const;

 private:
  // IPv4 is kept as ::ffff:a.b.c.d, which no IPv6 range that means IPv6 contains.
  std::array<uint8_t, 16> bytes_{};
  int prefix_bits_ = 128;
  bool is_v4_ = false;
};

}  // namespace relay::policy
