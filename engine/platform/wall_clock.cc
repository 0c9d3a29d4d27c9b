#include "engine/platform/wall_clock.h"

#include <ctime>
#include <fstream>
#include <string>

namespace engine {

int64_t UnixNow() { return static_cast<int64_t>(std::time(nullptr)); }

int64_t UnixNowMs() {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

int64_t PassedMs() {
  std::timespec passed{};
  clock_gettime(CLOCK_BOOTTIME, &passed);
  return int64_t{passed.tv_sec} * 1000 + passed.tv_nsec / 1'000'000;
}

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

}  // namespace engine
