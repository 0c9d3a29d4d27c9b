// Goal: timers come out in the order of their deadlines, equal ones in the order of their start,
// and any of them can be taken out. Method: examples, and a long random run beside a sorted model.

#include "engine/loop/timer_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "engine/base/random.h"

namespace engine {
namespace {

struct Owner {
  void On(Fired) {}
};

class TimerQueueTest : public testing::Test {
 protected:
  TimerOp& NewOp() {
    ops_.push_back(std::make_unique<TimerOp>(Handler<Fired>::To<&Owner::On>(&owner_)));
    return *ops_.back();
  }
  static Instant At(int64_t ns) { return Instant(Duration(ns)); }

  Owner owner_;
  std::vector<std::unique_ptr<TimerOp>> ops_;
  TimerQueue queue_;
};

TEST_F(TimerQueueTest, AnEmptyQueueHasNothingDue) {
  EXPECT_EQ(queue_.first(), nullptr);
  EXPECT_EQ(queue_.PopDue(Instant::max()), nullptr);
  queue_.Verify();
}

TEST_F(TimerQueueTest, NothingIsDueBeforeItsDeadline) {
  TimerOp& op = NewOp();
  queue_.Add(op, At(10));
  EXPECT_EQ(queue_.PopDue(At(9)), nullptr);
  EXPECT_EQ(queue_.PopDue(At(10)), &op);
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(TimerQueueTest, EqualDeadlinesKeepTheirOrder) {
  for (int i = 0; i < 100; ++i) queue_.Add(NewOp(), At(5));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(queue_.PopDue(At(5)), ops_[static_cast<size_t>(i)].get());
  }
}

TEST_F(TimerQueueTest, AnOpCanBeAddedAgainAfterItLeft) {
  TimerOp& op = NewOp();
  for (int i = 0; i < 3; ++i) {
    queue_.Add(op, At(i));
    EXPECT_EQ(queue_.PopDue(At(i)), &op);
    queue_.Add(op, At(i));
    queue_.Remove(op);
  }
  EXPECT_EQ(queue_.first(), nullptr);
}

TEST_F(TimerQueueTest, ALongRandomRunMatchesASortedModel) {
  Random random(42);
  constexpr size_t kOps = 300;
  for (size_t i = 0; i < kOps; ++i) NewOp();
  std::set<std::pair<std::pair<Instant, uint64_t>, TimerOp*>> model;
  std::vector<decltype(model)::iterator> where(kOps, model.end());
  uint64_t sequence = 0;
  for (int step = 0; step < 30'000; ++step) {
    const size_t i = random.Range(0, kOps - 1);
    TimerOp& op = *ops_[i];
    const uint64_t dice = random.Range(0, 9);
    if (dice < 5 && where[i] == model.end()) {
      const Instant deadline = At(static_cast<int64_t>(random.Range(0, 200)));
      queue_.Add(op, deadline);
      where[i] = model.insert({{deadline, sequence++}, &op}).first;
    } else if (dice < 7 && where[i] != model.end()) {
      queue_.Remove(op);
      model.erase(std::exchange(where[i], model.end()));
    } else if (dice >= 8 && !model.empty()) {
      TimerOp* popped = queue_.PopDue(Instant::max());
      ASSERT_EQ(popped, model.begin()->second);
      for (size_t j = 0; j < kOps; ++j) {
        if (ops_[j].get() == popped) where[j] = model.end();
      }
      model.erase(model.begin());
    }
    ASSERT_EQ(queue_.size(), model.size());
    ASSERT_EQ(queue_.first(), model.empty() ? nullptr : model.begin()->second);
    if (step % 100 == 0) queue_.Verify();
  }
}

TEST_F(TimerQueueTest, MisuseStopsTheProcess) {
  TimerOp& one = NewOp();
  TimerOp& two = NewOp();
  queue_.Add(one, At(1));
  queue_.Add(two, At(2));
  EXPECT_DEATH(queue_.Add(one, At(3)), "CHECK");
  EXPECT_DEATH(queue_.Add(two, At(3)), "CHECK");
  TimerOp& stranger = NewOp();
  EXPECT_DEATH(queue_.Remove(stranger), "CHECK");
  queue_.Remove(two);
  queue_.Remove(one);
}

}  // namespace
}  // namespace engine
