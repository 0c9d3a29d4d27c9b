#pragma once

#include <cstdint>
#include <optional>

namespace engine {

// RaiseDescriptorLimit lets this process have as many descriptors as it is allowed to: its soft
// limit becomes the hard one. Returns the soft limit from before, for children: programs that use
// select() break beyond 1024. Nothing: it is not known, and the limit is as it was.
std::optional<uint64_t> RaiseDescriptorLimit();

// SetDescriptorLimit sets the soft limit. Async-signal-safe.
void SetDescriptorLimit(uint64_t soft_limit);

}  // namespace engine
