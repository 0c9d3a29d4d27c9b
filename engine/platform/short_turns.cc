#include "engine/platform/short_turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace engine {
namespace {

constexpr uint64_t kTurnNs = 100'000;  // The kernel rounds anything below up to this.

}  // namespace

void TakeShortTurns() {
  // What the thread has is kept but for the turn: a niceness that the operator chose among it. The
  // C library of Debian 12 has no wrapper for either call.
  sched_attr attributes{};
  attributes.size = sizeof attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.sched_policy != SCHED_NORMAL) return;
  if (attributes.sched_runtime == 0) return;  // Before 6.12, which knows no turns of one thread.
  attributes.sched_runtime = kTurnNs;
  attributes.sched_flags |= SCHED_FLAG_RESET_ON_FORK;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace engine
