#pragma once

#include <cstdint>

#include "engine/base/time.h"
#include "engine/loop/op.h"

namespace engine {

// TimerQueue is the order in which timers are due: a pairing heap (Fredman, Sedgewick, Sleator and
// Tarjan, 1986) whose links live in the TimerOps. So it needs no memory of its own and no maximum:
// there are as many timers as their owners have ops. Every backend uses this one, so that timers
// behave the same everywhere and are virtual in the simulator for free.
//
// Add is O(1); Remove and Pop are O(log n) amortised.
//
// Invariants: no op comes before its parent; only linked ops have links; size() ops are linked.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Add links `op`, due at `deadline`. Equal deadlines keep the order in which they were added.
  // Requires: `op` is in no queue, and stays where it is until it was popped or removed.
  void Add(TimerOp& op, Instant deadline);

  // Remove unlinks `op`. Requires: it is linked here.
  void Remove(TimerOp& op);

  // First returns the op that is due first, or nullptr when there is none.
  TimerOp* first() const { return root_; }

  // PopDue unlinks and returns the first op if its deadline is not after `now`; else nullptr.
  TimerOp* PopDue(Instant now);

  size_t size() const { return size_; }

  // Verify checks the invariants, in time proportional to size(). For tests.
  void Verify() const;

 private:
  TimerOp* root_ = nullptr;
  size_t size_ = 0;
  uint64_t next_sequence_ = 0;
};

}  // namespace engine
