// Counts what this test program allocates.

#pragma once

#include <cstdint>

namespace relay::policy {

class AllocationCounter {
 public:
  // The calls of the global `operator new` since the program began.
  static uint64_t count();
};

}  // namespace relay::policy
