// Goal: tasks run in order, on one thread; requests have a maximum of their own, and reports that
// wait are seen by those who would cause more of them.
// Method: the thread is held up by a task that waits for the test.

#include "relay/control_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace relay {
namespace {

// HeldUp is a thread whose first task waits until Release.
class HeldUp {
 public:
  HeldUp() {
    std::promise<void> reached;
    thread_.Tell([this, &reached] {
      reached.set_value();
      released_.get_future().wait();
    });
    reached.get_future().wait();
  }
  void Release() { released_.set_value(); }
  ControlThread& thread() { return thread_; }

 private:
  std::promise<void> released_;
  ControlThread thread_{[] {}};
};

TEST(ControlThread, TasksRunInOrderAndTheLastOnesBeforeTheEnd) {
  std::vector<int> seen;
  {
    ControlThread thread([] {});
    for (int i = 0; i < 100; i += 2) {
      thread.Tell([&seen, i] { seen.push_back(i); });
      EXPECT_TRUE(thread.Ask([&seen, i] { seen.push_back(i + 1); }));
    }
  }
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(ControlThread, TasksThatWaitTogetherAreOneBatchOfABoundedSize) {
  constexpr size_t kTasks = TaskQueue::kBatchTasksMax + 10;
  std::vector<size_t> batches;  // The number of tasks of each.
  bool inside = false;
  {
    std::promise<void> released;
    ControlThread thread([] {}, {.begin =
                                     [&] {
                                       EXPECT_FALSE(inside);
                                       inside = true;
                                       batches.push_back(0);
                                     },
                                 .end = [&] { inside = false; }});
    thread.Tell([&] {
      released.get_future().wait();
      EXPECT_TRUE(inside);
    });
    for (size_t i = 0; i < kTasks; ++i) {
      thread.Tell([&] {
        EXPECT_TRUE(inside);
        ++batches.back();
      });
    }
    released.set_value();
  }
  EXPECT_FALSE(inside);
  EXPECT_GE(batches.size(), 2u);
  EXPECT_LT(batches.size(), kTasks) << "not one by one";
  size_t sum = 0;
  for (const size_t count : batches) {
    EXPECT_LE(count, TaskQueue::kBatchTasksMax);
    sum += count;
  }
  EXPECT_EQ(sum, kTasks);
}

TEST(ControlThread, NotesRunInTheirTurn) {
  std::vector<int> seen;
  {
    ControlThread thread([] {});
    for (int i = 0; i < 5; ++i) thread.Note([&seen, i] { seen.push_back(i); });
    std::promise<void> done;
    thread.Tell([&] {
      seen.push_back(5);
      done.set_value();
    });
    done.get_future().wait();
  }
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(ControlThread, AnswersDoNotWaitForNotesThatAreTheOnlyOnesLeft) {
  std::vector<std::string> batches;
  {
    std::promise<void> released;
    ControlThread thread([] {}, {.begin = [&] { batches.emplace_back(); }});
    thread.Tell([&] { released.get_future().wait(); });
    const auto say = [&](char c) { return [&batches, c] { batches.back() += c; }; };
    thread.Note(say('a'));
    EXPECT_TRUE(thread.Ask(say('B')));
    thread.Note(say('c'));
    thread.Note(say('d'));
    std::promise<void> done;
    thread.Note([&] { done.set_value(); });
    released.set_value();
    done.get_future().wait();
  }
  EXPECT_EQ(batches, (std::vector<std::string>{"aB", "cd"}));
}

TEST(ControlThread, NotesRunWhenNobodyWaits) {
  ControlThread thread([] {});
  for (int i = 0; i < 3; ++i) {
    std::promise<void> done;
    thread.Note([&done] { done.set_value(); });
    done.get_future().wait();
  }
}

TEST(ControlThread, ManyNotesDoNotWaitAndCountAsReports) {
  HeldUp held;
  for (size_t i = 0; i <= ControlThread::kTellsHigh; ++i) held.thread().Note([] {});
  EXPECT_TRUE(held.thread().IsBehind());
  std::promise<void> done;
  held.thread().Note([&done] { done.set_value(); });
  held.Release();
  done.get_future().wait();
  EXPECT_FALSE(held.thread().IsBehind());
}

TEST(ControlThread, RequestsBeyondTheirMaximumAreRefusedWhateverIsReported) {
  HeldUp held;
  for (size_t i = 0; i < 3 * ControlThread::kRequestsMax; ++i) held.thread().Tell([] {});
  for (size_t i = 0; i < ControlThread::kRequestsMax; ++i) {
    EXPECT_TRUE(held.thread().Ask([] {})) << i;
  }
  EXPECT_FALSE(held.thread().Ask([] {}));
  held.Release();
}

TEST(ControlThread, ItIsBehindWhileTooManyReportsWait) {
  HeldUp held;
  for (size_t i = 0; i < ControlThread::kTellsHigh; ++i) held.thread().Tell([] {});
  EXPECT_FALSE(held.thread().IsBehind());
  held.thread().Tell([] {});
  EXPECT_TRUE(held.thread().IsBehind());
  std::promise<void> done;
  held.thread().Tell([&done] { done.set_value(); });
  held.Release();
  done.get_future().wait();
  EXPECT_FALSE(held.thread().IsBehind());
}

}  // namespace
}  // namespace relay
