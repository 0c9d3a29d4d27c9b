#pragma once

#include <cstdint>

namespace engine {

// AllocationCount says how often the program called the global `operator new`. For programs that
// are linked with allocation_count.cc.
uint64_t AllocationCount();

}  // namespace engine
