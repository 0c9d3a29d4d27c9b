#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "engine/base/time.h"

namespace engine {

// OpenRate bounds how fast one link may open streams: a token bucket. A browser behind a forward, a
// pool of database connections and a load test stay far below; a client that opens and resets as
// fast as it can send is answered `too-many`, and the node is not kept busy with it.
class OpenRate {
 public:
  static constexpr int64_t kBurst = 4096;
  static constexpr int64_t kPerSecond = 10'000;

  explicit OpenRate(Instant now) : since_(now) {}

  // Take returns false when the link has to wait before it opens another stream.
  [[nodiscard]] bool Take(Instant now) {
    constexpr Duration kPerToken = std::chrono::nanoseconds(1'000'000'000 / kPerSecond);
    // Two loops may have begun their iterations in another order than they ask.
    const int64_t grown = std::max<int64_t>(0, (now - since_) / kPerToken);
    since_ += grown * kPerToken;
    tokens_ = std::min(kBurst, tokens_ + std::min(grown, kBurst));
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

 private:
  int64_t tokens_ = kBurst;
  Instant since_;  // When tokens_ was last brought up to date.
};

}  // namespace engine
