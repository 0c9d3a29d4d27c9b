#pragma once

#include <chrono>
#include <functional>

#include "engine/net/loop_driver.h"

namespace client {

// LoopWait runs a loop until something is so.
class LoopWait {
 public:
  explicit LoopWait(engine::LoopDriver& driver) : driver_(driver) {}

  void Until(const std::function<bool()>& done) {
    while (!done()) driver_.RunOnce(std::chrono::seconds(1));
  }

  // For returns false when it was not so within the limit.
  bool For(engine::Duration limit, const std::function<bool()>& done) {
    const engine::Instant end = driver_.loop().Now() + limit;
    while (!done()) {
      const engine::Instant now = driver_.loop().Now();
      if (now >= end) return false;
      driver_.RunOnce(end - now);
    }
    return true;
  }

 private:
  engine::LoopDriver& driver_;
};

}  // namespace client
