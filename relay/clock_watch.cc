#include "relay/clock_watch.h"

#include <cstdlib>

namespace relay {

int64_t ClockWatch::Look(int64_t passed_ms, int64_t unix_ms) {
  const int64_t begin = unix_ms - passed_ms;
  if (!begin_unix_ms_.has_value()) begin_unix_ms_ = begin;
  const int64_t step = begin - *begin_unix_ms_;
  if (std::abs(step) < kStepMinMs) return 0;
  begin_unix_ms_ = begin;
  return step;
}

}  // namespace relay
