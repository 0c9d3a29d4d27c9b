// The form in which AWS writes a time: yyyymmddThhmmssZ.

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

}  // namespace engine
