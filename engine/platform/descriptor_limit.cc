#include "engine/platform/descriptor_limit.h"

#include <sys/resource.h>

namespace engine {

std::optional<uint64_t> RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  const uint64_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return before;
}

void SetDescriptorLimit(uint64_t soft_limit) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = soft_limit;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace engine
