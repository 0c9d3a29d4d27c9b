#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace client {

// ParseExpiry reads when something ends, in unix seconds: "30m", "12h" or "7d" from `now` on, or a
// time such as 2026-11-27T10:00:00Z. The error is for the user.
absl::StatusOr<int64_t> ParseExpiry(const std::string& text, int64_t now);

}  // namespace client
