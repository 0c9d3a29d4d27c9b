// What a list of durations comes down to.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace loadgen {

// PercentilesJson sorts the durations and returns JSON members in microseconds, without braces: n,
// mean_us, p50_us, p90_us, p99_us, p999_us and max_us; only n when there is none.
std::string PercentilesJson(std::vector<int64_t>& durations_ns);

}  // namespace loadgen
