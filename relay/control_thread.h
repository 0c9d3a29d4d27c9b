#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "relay/task_line.h"
#include "relay/task_queue.h"

namespace relay {

// ControlThread is where the relay's state lives: store, broker and API are used on it alone, so
// none of them has a lock. Loops post what happened; what is to be answered goes back to the loop.
class ControlThread final : public TaskLine {
 public:
  // Requests beyond this are refused at the edge (the API answers ThrottlingException).
  static constexpr size_t kRequestsMax = 1024;
  static constexpr size_t kTellsHigh = 4096;
  static constexpr std::chrono::milliseconds kTickInterval{200};
  // A batch ends where TaskQueue says so, or after so long.
  static constexpr std::chrono::milliseconds kBatchTimeMax{20};
  // How long notes are left to gather. A batch costs as much as ten notes in it.
  static constexpr std::chrono::milliseconds kNoteDelay{20};
  // After so many the processor is offered to others.
  static constexpr size_t kNotesTogether = 16;

  // `tick` runs on the thread every kTickInterval, also while tasks are waiting, as a batch of
  // its own.
  explicit ControlThread(std::function<void()> tick) : ControlThread(std::move(tick), Batch()) {}
  ControlThread(std::function<void()> tick, Batch batch);
  ~ControlThread() override;  // Runs what was posted, then ends.
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  // False when kRequestsMax wait already.
  [[nodiscard]] bool Ask(std::function<void()> task) override;
  void Tell(std::function<void()> task) override;
  void Note(std::function<void()> task) override;
  // True while more than kTellsHigh wait.
  bool IsBehind() const override {
    return tell_count_.load(std::memory_order_relaxed) > kTellsHigh;
  }

 private:
  using Task = TaskQueue::Task;
  using Kind = TaskQueue::Kind;
  using Clock = std::chrono::steady_clock;

  void Run();
  void RunBatch(Task task);
  // TakeTask waits until `end` for one that is told or asked, or for notes that are due. If there
  // is none, it takes a note all the same.
  std::optional<Task> TakeTask(Clock::time_point end);
  // TakeNext does not wait.
  std::optional<Task> TakeNext(bool is_awaited);
  void Add(Task task);  // Under mutex_.
  void CountWaiting();  // Under mutex_, whenever tasks_ has changed.
  bool is_ending();

  const std::function<void()> tick_;
  const Batch batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  TaskQueue tasks_;                // From here on under mutex_.
  Clock::time_point notes_due_{};  // When there are notes.
  bool ending_ = false;
  std::atomic<size_t> tell_count_{0};  // Notes, too. Written under mutex_.
  std::thread thread_;                 // Last: it uses the others.
};

}  // namespace relay
