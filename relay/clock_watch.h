#pragma once

#include <cstdint>
#include <optional>

namespace relay {

// ClockWatch finds out that the wall clock was set, by comparing it with one that nobody sets and
// that goes on while the process is stopped or the machine sleeps. What a virtual machine does not
// know of, such as that it was paused, is a clock that was set as soon as it is told the time.
class ClockWatch {
 public:
  // Less does not matter to what waits, and the two clocks are not read in the same moment.
  static constexpr int64_t kStepMinMs = 1'000;

  ClockWatch() = default;
  // `begin_unix_ms` is another watch's, by the same PassedMs.
  explicit ClockWatch(int64_t begin_unix_ms) : begin_unix_ms_(begin_unix_ms) {}

  // Look returns by how much the wall clock was set since the last call that said so; 0: it was
  // not. Read `passed_ms` (engine::PassedMs) before `unix_ms`: stopped in between, what waits is
  // late for a moment, and never early.
  int64_t Look(int64_t passed_ms, int64_t unix_ms);

  // begin_unix_ms returns what the wall clock said when the other one began, by what Look has
  // returned. Requires: Look was called.
  int64_t begin_unix_ms() const { return begin_unix_ms_.value(); }

 private:
  std::optional<int64_t> begin_unix_ms_;
};

}  // namespace relay
