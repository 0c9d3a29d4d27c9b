#include "engine/platform/wall_clock.h"

#include <ctime>

namespace engine {

int64_t UnixNow() { return static_cast<int64_t>(std::time(nullptr)); }

}  // namespace engine
