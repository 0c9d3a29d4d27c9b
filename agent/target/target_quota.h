#pragma once

#include <atomic>
#include <cstddef>

namespace agent {

// TargetQuota is how many targets one node runs at a time, on all threads together. Thread-safe.
class TargetQuota {
 public:
  // What a node is for: more sessions than that need a second one. See also what they may hold, in
  // agent_commands.cc.
  static constexpr size_t kTargetsMax = 2048;

  explicit TargetQuota(size_t targets_max = kTargetsMax) : left_(targets_max) {}

  // Take is false when all are there.
  [[nodiscard]] bool Take() {
    size_t left = left_.load();
    while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0;
  }
  void Return(size_t count) { left_ += count; }

 private:
  std::atomic<size_t> left_;
};

}  // namespace agent
