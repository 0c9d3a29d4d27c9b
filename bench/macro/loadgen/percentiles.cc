#include "bench/macro/loadgen/percentiles.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

namespace loadgen {

std::string PercentilesJson(std::vector<int64_t>& durations_ns) {
  if (durations_ns.empty()) return "\"n\":0";
  std::sort(durations_ns.begin(), durations_ns.end());
  const auto count = static_cast<double>(durations_ns.size());
  const auto at = [&](double part) {
    const auto index = std::min(durations_ns.size() - 1, static_cast<size_t>(part * count));
    return static_cast<double>(durations_ns[index]) / 1000.0;
  };
  const double sum = std::accumulate(durations_ns.begin(), durations_ns.end(), 0.0);
  std::array<char, 256> text;
  std::snprintf(text.data(), text.size(),
                "\"n\":%zu,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
                "\"p999_us\":%.1f,\"max_us\":%.1f",
                durations_ns.size(), sum / count / 1000.0, at(.5), at(.9), at(.99), at(.999),
                static_cast<double>(durations_ns.back()) / 1000.0);
  return text.data();
}

}  // namespace loadgen
