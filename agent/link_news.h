// Which of an agent's many vain tries to reach its relay is worth a line of its log: the first of a
// kind, and then one at growing intervals.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"

namespace agent {

class LinkNews {
 public:
  // Between two lines of one kind: at first, and at most.
  static constexpr engine::Duration kPauseMin = std::chrono::seconds(10);
  static constexpr engine::Duration kPauseMax = std::chrono::hours(1);
  // Reasons that are told apart while there is no link; the one that was told longest ago gives
  // way.
  static constexpr size_t kKindsMax = 4;

  // Failed counts a try that came to nothing for this reason, and returns whether to say so.
  [[nodiscard]] bool Failed(std::string_view reason, engine::Instant now);
  // LinkUp ends what was counted: the next failure is news again.
  void LinkUp();

  // How many tries in a row have failed.
  uint64_t failed_count() const { return failed_count_; }

 private:
  struct Kind {
    std::string reason;
    engine::Instant told_at{};
    engine::Duration pause{};
  };

  std::vector<Kind> kinds_;  // At most kKindsMax.
  uint64_t failed_count_ = 0;
};

}  // namespace agent
