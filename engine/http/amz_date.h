// The forms in which AWS writes a time, first of all yyyymmddThhmmssZ.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engine {

// AmzDate writes unix seconds as yyyymmddThhmmssZ; ParseAmzDate reads that form and nothing else.
// Requires: the year is from 0 to 9999.
std::string AmzDate(int64_t unix_seconds);
std::optional<int64_t> ParseAmzDate(std::string_view text);

// IsoDate writes unix seconds as yyyy-mm-ddThh:mm:ssZ; ParseIsoDate reads that form and nothing
// else.
std::string IsoDate(int64_t unix_seconds);
std::optional<int64_t> ParseIsoDate(std::string_view text);

// ParseHttpDate reads the form of HTTP's Date header that is written today ("Sun, 06 Nov 1994
// 08:49:37 GMT", RFC 9110 5.6.7) and nothing else. The name of the day is not looked at.
std::optional<int64_t> ParseHttpDate(std::string_view text);

}  // namespace engine
