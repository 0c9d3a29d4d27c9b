#pragma once

#include <algorithm>
#include <cstdint>

namespace relay {

// FailureGate limits how many requests of nobody in particular are worked on and written to the
// audit: whoever can reach the port could otherwise fill the disk. It is one for all, so that those
// who prove nothing keep it shut for one another; requests with a good signature or an activation's
// code never meet it.
class FailureGate {
 public:
  static constexpr int64_t kBurst = 100;
  static constexpr int64_t kPerSecond = 10;

  // Open is true while failures may happen.
  bool Open(int64_t now_unix_ms) {
    Refill(now_unix_ms);
    if (thousandths_ >= 1000) return true;
    ++refused_count_;
    return false;
  }

  // Failed counts one.
  void Failed(int64_t now_unix_ms) {
    Refill(now_unix_ms);
    thousandths_ = std::max<int64_t>(thousandths_ - 1000, 0);
  }

  // TakeRefused returns how many were refused since the last call, for the next record.
  uint64_t TakeRefused() {
    const uint64_t count = refused_count_;
    refused_count_ = 0;
    return count;
  }

 private:
  void Refill(int64_t now_unix_ms) {
    const int64_t passed_ms = std::clamp<int64_t>(now_unix_ms - last_unix_ms_, 0, 3'600'000);
    last_unix_ms_ = now_unix_ms;
    thousandths_ = std::min(thousandths_ + passed_ms * kPerSecond, kBurst * 1000);
  }

  int64_t thousandths_ = kBurst * 1000;
  int64_t last_unix_ms_ = 0;
  uint64_t refused_count_ = 0;
};

}  // namespace relay
