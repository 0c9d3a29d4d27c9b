#include "engine/platform/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace engine {
namespace {

// The kernel brings anything below or above these to them.
constexpr uint64_t kShortNs = 100'000;
constexpr uint64_t kLongNs = 100'000'000;

// TakeTurns keeps what the thread has but for the turn: a niceness that the operator chose among
// it. The C library of Debian 12 has no wrapper for either call.
void TakeTurns(uint64_t turn_ns) {
  sched_attr attributes{};
  attributes.size = sizeof attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.sched_policy != SCHED_NORMAL) return;
  if (attributes.sched_runtime == 0) return;  // Before 6.12, which knows no turns of one thread.
  attributes.sched_runtime = turn_ns;
  attributes.sched_flags |= SCHED_FLAG_RESET_ON_FORK;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void TakeShortTurns() { TakeTurns(kShortNs); }
void TakeLongTurns() { TakeTurns(kLongNs); }

}  // namespace engine
