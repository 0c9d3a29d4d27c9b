// How long a thread may keep its processor while others want it, which decides who waits for whom
// when one wakes. Over time each gets the share that it had.
//
// From Linux 6.12 on (sched_attr::sched_runtime of SCHED_OTHER; sched_setattr(2), Zijlstra:
// "sched/eevdf: Allow sysctl/attr request slice" and "Propagate min_slice up the cgroup
// hierarchy"). Nothing happens with an older kernel, one that refuses, or a thread of another
// policy than SCHED_OTHER. What the thread starts, threads and programs, has the usual turns again
// (and, with SCHED_FLAG_RESET_ON_FORK, no better niceness than 0).

#pragma once

namespace engine {

// TakeShortTurns gives the calling thread turns of 0.1 ms, the shortest that the kernel knows,
// instead of 0.7 to 2.8. A thread that wakes with a shorter turn than the one that runs takes its
// place, if it has not had more than its share: a loop then need not wait until a compiler, a
// writer of records or another loop is through with its own.
void TakeShortTurns();

// TakeLongTurns gives it turns of 100 ms, the longest: whoever wakes takes its place, with usual
// turns, too. It is for a thread whose work is mostly such that nobody waits for it. When it wakes
// itself, others may finish their turns first, where no processor is idle; and whoever wants a lock
// that it holds waits until it has run again.
void TakeLongTurns();

}  // namespace engine
