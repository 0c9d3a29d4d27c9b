#include "engine/loop/timer_queue.h"

#include <utility>

namespace engine {
namespace {

bool Before(const TimerOp& a, const TimerOp& b) {
  if (a.state.deadline != b.state.deadline) return a.state.deadline < b.state.deadline;
  return a.state.sequence < b.state.sequence;
}

// Meld makes the later of two roots the first child of the other. Requires: neither has siblings.
TimerOp* Meld(TimerOp* a, TimerOp* b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (Before(*b, *a)) std::swap(a, b);
  b->state.previous = a;
  b->state.sibling = a->state.child;
  if (b->state.sibling != nullptr) b->state.sibling->state.previous = b;
  a->state.child = b;
  return a;
}

// MeldSiblings makes one heap of a list of siblings, in the two passes that give the amortised
// bound: pairs from left to right, then all of them from right to left.
TimerOp* MeldSiblings(TimerOp* first) {
  TimerOp* pairs = nullptr;  // Linked by `sibling`, the last pair first.
  while (first != nullptr) {
    TimerOp* second = first->state.sibling;
    TimerOp* rest = second == nullptr ? nullptr : second->state.sibling;
    first->state.sibling = first->state.previous = nullptr;
    if (second != nullptr) second->state.sibling = second->state.previous = nullptr;
    TimerOp* pair = Meld(first, second);
    pair->state.sibling = pairs;
    pairs = pair;
    first = rest;
  }
  TimerOp* root = nullptr;
  while (pairs != nullptr) {
    TimerOp* rest = pairs->state.sibling;
    pairs->state.sibling = nullptr;
    root = Meld(root, pairs);
    pairs = rest;
  }
  return root;
}

}  // namespace

void TimerQueue::Add(TimerOp& op, Instant deadline) {
  CHECK(op.state.child == nullptr);
  CHECK(op.state.sibling == nullptr);
  CHECK(op.state.previous == nullptr);
  CHECK(&op != root_);
  op.state.deadline = deadline;
  op.state.sequence = next_sequence_++;
  root_ = Meld(root_, &op);
  ++size_;
}

void TimerQueue::Remove(TimerOp& op) {
  CHECK(size_ > 0);
  auto& state = op.state;
  if (&op == root_) {
    root_ = nullptr;
  } else {
    CHECK(state.previous != nullptr);
    auto& before = state.previous->state;
    (before.child == &op ? before.child : before.sibling) = state.sibling;
    if (state.sibling != nullptr) state.sibling->state.previous = state.previous;
  }
  TimerOp* children = MeldSiblings(state.child);
  root_ = Meld(root_, children);
  state.child = state.sibling = state.previous = nullptr;
  --size_;
}

TimerOp* TimerQueue::PopDue(Instant now) {
  TimerOp* op = root_;
  if (op == nullptr || op->state.deadline > now) return nullptr;
  Remove(*op);
  return op;
}

void TimerQueue::Verify() const {
  // A walk in pre-order that needs no stack: `previous` leads back up.
  size_t count = 0;
  const TimerOp* op = root_;
  if (op != nullptr) CHECK(op->state.previous == nullptr);
  while (op != nullptr) {
    ++count;
    if (const TimerOp* child = op->state.child; child != nullptr) {
      CHECK(child->state.previous == op);
      for (const TimerOp* each = child; each != nullptr; each = each->state.sibling) {
        CHECK(!Before(*each, *op));
      }
      op = child;
      continue;
    }
    while (op != nullptr && op->state.sibling == nullptr) {
      // Go left to the first child, whose `previous` is the parent.
      while (op->state.previous != nullptr && op->state.previous->state.child != op) {
        op = op->state.previous;
      }
      op = op->state.previous;
    }
    if (op != nullptr) {
      CHECK(op->state.sibling->state.previous == op);
      op = op->state.sibling;
    }
  }
  CHECK(count == size_);
}

}  // namespace engine
