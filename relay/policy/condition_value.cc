#include "relay/policy/condition_value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

constexpr int kV4PrefixBits = 96;
constexpr size_t kNumberSizeMax = 64;
// The last second of the year 9999.
constexpr int64_t kUnixSecondsMax = 253'402'300'799;

// Digits takes `count` digits from the front of `text`, as a number.
std::optional<int> Digits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// Clock takes hh:mm[:ss[.fraction]] and its zone; returns milliseconds since the day began in UTC.
std::optional<int64_t> Clock(std::string_view text) {
  const auto hours = Digits(text, 2);
  if (!hours || !Take(text, ':')) return std::nullopt;
  const auto minutes = Digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  int64_t result = (*hours * 60 + *minutes) * int64_t{60'000};
  if (Take(text, ':')) {
    const auto seconds = Digits(text, 2);
    if (!seconds || *seconds > 59) return std::nullopt;
    result += *seconds * 1'000;
    if (Take(text, '.')) {
      int64_t unit = 100;
      size_t count = 0;
      for (; count < text.size() && IsDigit(text[count]); ++count, unit /= 10)
        result += (text[count] - '0') * unit;
      if (count == 0) return std::nullopt;
      text.remove_prefix(count);
    }
  }
  if (text == "Z") return result;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '+' ? 1 : -1;
  text.remove_prefix(1);
  const auto zone_hours = Digits(text, 2);
  if (!zone_hours || !Take(text, ':')) return std::nullopt;
  const auto zone_minutes = Digits(text, 2);
  if (!zone_minutes || !text.empty() || *zone_hours > 23 || *zone_minutes > 59) return std::nullopt;
  return result - sign * (*zone_hours * 60 + *zone_minutes) * int64_t{60'000};
}

std::optional<int64_t> UnixSeconds(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), IsDigit)) return std::nullopt;
  int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc() || seconds > kUnixSecondsMax || seconds < -kUnixSecondsMax)
    return std::nullopt;
  return seconds * 1'000;
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  // What from_chars takes beyond decimals (inf, nan, exponents) is no number of a policy.
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.size() > kNumberSizeMax || !IsDigit(digits[0])) return std::nullopt;
  if (std::any_of(digits.begin(), digits.end(), [](char c) { return !IsDigit(c) && c != '.'; }))
    return std::nullopt;
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseDate(std::string_view text) {
  std::string_view rest = text;
  const auto year = Digits(rest, 4);
  const bool is_iso = year.has_value() && (rest.empty() || rest[0] == '-');
  if (!is_iso) return UnixSeconds(text);
  std::optional<int> month = 1;
  std::optional<int> day = 1;
  if (Take(rest, '-')) {
    month = Digits(rest, 2);
    if (Take(rest, '-')) day = Digits(rest, 2);
  }
  if (!month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const int64_t start = days * 86'400'000;
  if (rest.empty()) return start;
  // A time of day belongs to a whole date: 10 characters.
  if (text.size() - rest.size() != 10 || !Take(rest, 'T')) return std::nullopt;
  const auto clock = Clock(rest);
  if (!clock) return std::nullopt;
  return start + *clock;
}

std::optional<IpRange> IpRange::ParseAddress(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return std::nullopt;
  // inet_pton would read a text with a zero in it only up to there.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(terminated.data(), text.data(), text.size());
  IpRange range;
  if (::inet_pton(AF_INET, terminated.data(), range.bytes_.data() + 12) == 1) {
    range.bytes_[10] = range.bytes_[11] = 0xff;
    range.is_v4_ = true;
    return range;
  }
  if (::inet_pton(AF_INET6, terminated.data(), range.bytes_.data()) != 1) return std::nullopt;
  constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  range.is_v4_ = std::equal(kMapped.begin(), kMapped.end(), range.bytes_.begin());
  return range;
}

std::optional<IpRange> IpRange::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  std::optional<IpRange> range = ParseAddress(text.substr(0, slash));
  if (!range || slash == std::string_view::npos) return range;
  const std::string_view bits = text.substr(slash + 1);
  int value = 0;
  const auto read = std::from_chars(bits.data(), bits.data() + bits.size(), value);
  if (read.ec != std::errc() || read.ptr != bits.data() + bits.size() || value < 0)
    return std::nullopt;
  const bool is_written_as_v6 = text.find(':') != std::string_view::npos;
  if (value > (is_written_as_v6 ? 128 : 32)) return std::nullopt;
  range->prefix_bits_ = is_written_as_v6 ? value : kV4PrefixBits + value;
  // ::ffff:0:0/90 is a range of IPv6, though it begins like IPv4.
  range->is_v4_ = range->is_v4_ && range->prefix_bits_ >= kV4PrefixBits;
  return range;
}

bool IpRange::Contains(const IpRange& address) const {
  if (is_v4_ != address.is_v4_) return false;
  const size_t whole = static_cast<size_t>(prefix_bits_) / 8;
  const int rest = prefix_bits_ % 8;
  if (!std::equal(bytes_.begin(), bytes_.begin() + whole, address.bytes_.begin())) return false;
  if (rest == 0) return true;
  const int shift = 8 - rest;
  return (bytes_[whole] >> shift) == (address.bytes_[whole] >> shift);
}

}  // namespace relay::policy
