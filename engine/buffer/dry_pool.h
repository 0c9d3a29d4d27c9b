#pragma once

#include <chrono>

#include "engine/base/time.h"

namespace engine {

// How long whoever found a pool dry waits: it is shared, and others give blocks back within
// milliseconds.
inline constexpr Duration kDryPoolPause = std::chrono::milliseconds(2);

}  // namespace engine
