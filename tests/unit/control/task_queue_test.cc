#include "relay/task_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace relay {
namespace {

using Kind = TaskQueue::Kind;

class TaskQueueTest : public testing::Test {
 protected:
  void Add(Kind kind) {
    queue_.Add({[this, number = count_++] { ran_.push_back(number); }, kind});
  }
  // RunBatch returns how many ran.
  size_t RunBatch() {
    bool is_awaited = false;
    size_t count = 0;
    while (auto task = queue_.TakeForBatch(is_awaited)) {
      is_awaited |= task->kind != Kind::kNoted;
      task->run();
      ++count;
    }
    return count;
  }

  TaskQueue queue_;
  int count_ = 0;
  std::vector<int> ran_;
};

TEST_F(TaskQueueTest, TasksOfEveryKindRunInTheOrderInWhichTheyCame) {
  for (const Kind kind : {Kind::kNoted, Kind::kAsked, Kind::kNoted, Kind::kTold}) Add(kind);
  EXPECT_EQ(RunBatch(), 4U);
  EXPECT_EQ(ran_, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_TRUE(queue_.is_empty());
}

TEST_F(TaskQueueTest, WhoIsAwaitedDoesNotWaitForNotesThatAreLeft) {
  for (const Kind kind : {Kind::kAsked, Kind::kNoted, Kind::kNoted}) Add(kind);
  EXPECT_EQ(RunBatch(), 1U);
  EXPECT_EQ(RunBatch(), 2U);  // Nobody waits for these.
}

TEST_F(TaskQueueTest, NotesMayGatherUntilTheyAreABatch) {
  EXPECT_TRUE(queue_.MayGather());
  for (size_t i = 1; i < TaskQueue::kBatchTasksMax; ++i) Add(Kind::kNoted);
  EXPECT_TRUE(queue_.MayGather());
  Add(Kind::kNoted);
  EXPECT_FALSE(queue_.MayGather());
}

TEST_F(TaskQueueTest, OneThatIsToldEndsTheGathering) {
  Add(Kind::kNoted);
  Add(Kind::kTold);
  EXPECT_FALSE(queue_.MayGather());
}

TEST_F(TaskQueueTest, EachKindIsCountedUntilItIsTaken) {
  for (const Kind kind : {Kind::kAsked, Kind::kTold, Kind::kNoted}) Add(kind);
  EXPECT_EQ(queue_.size(), 3U);
  EXPECT_EQ(queue_.asked(), 1U);
  EXPECT_EQ(queue_.noted(), 1U);
  EXPECT_EQ(queue_.Take()->kind, Kind::kAsked);
  EXPECT_EQ(queue_.asked(), 0U);
  queue_.Clear();
  EXPECT_EQ(queue_.noted(), 0U);
  EXPECT_FALSE(queue_.Take().has_value());
}

}  // namespace
}  // namespace relay
