#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace relay {

// ControlThread is where the relay's state lives: store, broker and API are used on it alone, so
// none of them has a lock. Loops post what happened; what is to be answered goes back to the loop.
class ControlThread {
 public:
  // Requests beyond this are refused at the edge (the API answers ThrottlingException).
  static constexpr size_t kRequestsMax = 1024;
  static constexpr size_t kTellsHigh = 4096;
  static constexpr std::chrono::milliseconds kTickInterval{200};
  // A batch ends when no task waits or one of these is reached: nobody's answer waits for long.
  static constexpr size_t kBatchTasksMax = 256;
  static constexpr std::chrono::milliseconds kBatchTimeMax{20};

  // Batch is called around tasks that run one after another without a pause: what costs the same
  // for one and for many (waiting for the disk) belongs into `end`.
  struct Batch {
    std::function<void()> begin = [] {};
    std::function<void()> end = [] {};
  };

  // `tick` runs on the thread every kTickInterval, also while tasks are waiting, as a batch of
  // its own.
  explicit ControlThread(std::function<void()> tick) : ControlThread(std::move(tick), Batch()) {}
  ControlThread(std::function<void()> tick, Batch batch);
  ~ControlThread();  // Runs what was posted, then ends.
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  // Ask queues a task that somebody outside wants; false when kRequestsMax wait already.
  [[nodiscard]] bool Ask(std::function<void()> task);

  // Tell queues a task that must not be lost: the end of a session, a node's coming and going.
  // Their number is bounded by the links and streams that cause them; see IsBehind.
  void Tell(std::function<void()> task);

  // IsBehind is true while more than kTellsHigh wait: nobody may begin what will have to be told.
  bool IsBehind() const { return tell_count_.load(std::memory_order_relaxed) > kTellsHigh; }

 private:
  struct Task {
    std::function<void()> run;
    bool is_asked = false;
  };

  using Clock = std::chrono::steady_clock;

  void Run();
  void RunBatch(Task task);
  std::optional<Task> TakeTask(Clock::time_point end);  // One in the past does not wait.
  bool is_ending();

  const std::function<void()> tick_;
  const Batch batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;  // From here on under mutex_.
  size_t ask_count_ = 0;
  bool ending_ = false;
  std::atomic<size_t> tell_count_{0};  // Written under mutex_.
  std::thread thread_;                 // Last: it uses the others.
};

}  // namespace relay
