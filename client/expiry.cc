#include "client/expiry.h"

#include <charconv>
#include <optional>

#include "client/say.h"
#include "engine/http/amz_date.h"

namespace client {
namespace {

constexpr int64_t kSecondsMax = int64_t{30} * 24 * 3600;  // The relay's own maximum.

int64_t SecondsOf(char unit) {
  switch (unit) {
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

}  // namespace

absl::StatusOr<int64_t> ParseExpiry(const std::string& text, int64_t now) {
  if (const std::optional<int64_t> time = engine::ParseIsoDate(text)) return *time;
  int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  const int64_t unit = rest + 1 == end ? SecondsOf(*rest) : 0;
  const bool is_duration = error == std::errc{} && unit != 0 && count > 0;
  if (is_duration && count > kSecondsMax / unit) {
    return absl::InvalidArgumentError("'" + Printable(text) +
                                      "' is too long: 30 days, 30d, is the most");
  }
  if (is_duration) return now + count * unit;
  return absl::InvalidArgumentError("'" + Printable(text) +
                                    "' is no time; write 30m, 12h, 7d or 2026-11-27T10:00:00Z");
}

}  // namespace client
