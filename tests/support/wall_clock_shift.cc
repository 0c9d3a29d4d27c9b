// Shifts the wall clock of one process, for tests of certificates and signatures. Preloaded:
// LD_PRELOAD=libwall_clock_shift.so WALL_CLOCK_SHIFT_SECONDS=-600. The monotonic clock goes on as
// it is, and so do timers.

#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace {

time_t Shift() {
  static const time_t seconds = [] {
    const char* const text = getenv("WALL_CLOCK_SHIFT_SECONDS");
    return text == nullptr ? time_t{0} : static_cast<time_t>(atoll(text));
  }();
  return seconds;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, out));
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    out->tv_sec += Shift();
  }
  return result;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

int timespec_get(timespec* out, int base) noexcept {
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

}  // extern "C"
