#pragma once

namespace engine {

// TakeShortTurns asks the kernel to give the calling thread the processor in turns of 0.1 ms, the
// shortest that it knows, instead of 1.4 to 2.8. A thread that wakes with a shorter turn than the
// one that runs takes its place, so a loop need not wait until a writer of records, a compiler or
// another loop is through with its own; over time each gets the share that it had. What the thread
// starts, threads and programs, has the usual turns again (and, with SCHED_FLAG_RESET_ON_FORK, no
// better niceness than 0).
//
// From Linux 6.12 on (sched_attr::sched_runtime of SCHED_OTHER; sched_setattr(2), Zijlstra:
// "sched/eevdf: Allow sysctl/attr request slice" and "Propagate min_slice up the cgroup
// hierarchy"). Nothing happens with an older kernel, one that refuses, or a thread of another
// policy than SCHED_OTHER.
void TakeShortTurns();

}  // namespace engine
