#include "tests/sim/steady_random.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "engine/base/random.h"

namespace {

engine::Random* steady = nullptr;

long Fill(void* buffer, size_t size) {
  auto* out = static_cast<unsigned char*>(buffer);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = steady->Next();
    std::memcpy(out + at, &word, size - at < sizeof word ? size - at : sizeof word);
  }
  return static_cast<long>(size);
}

}  // namespace

extern "C" {

long __real_syscall(long number, ...);  // NOLINT: these names are the linker's.

long __wrap_syscall(long number, ...) {  // NOLINT
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_getrandom && steady != nullptr) {
    return Fill(reinterpret_cast<void*>(arguments[0]), static_cast<size_t>(arguments[1]));
  }
  return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                        arguments[4], arguments[5]);
}

}  // extern "C"

namespace sim {

void HideProcessorsRandomness() {
  // Bit 30 of the second word of what the processor can: RDRAND.
  ::setenv("OPENSSL_ia32cap", "~0x4000000000000000", 1);
}

void SetSteadyRandom(uint64_t seed) {
  static engine::Random random(seed);
  random = engine::Random(seed);
  steady = &random;
}

}  // namespace sim
