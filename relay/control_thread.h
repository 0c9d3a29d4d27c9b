#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace relay {

// ControlThread is where the relay's state lives: store, broker and API are used on it alone, so
// none of them has a lock. Loops post what happened; what is to be answered goes back to the loop.
class ControlThread {
 public:
  // Requests beyond this are refused at the edge (the API answers ThrottlingException).
  static constexpr size_t kRequestsMax = 1024;
  static constexpr size_t kTellsHigh = 4096;
  static constexpr std::chrono::milliseconds kTickInterval{200};

  // `tick` runs on the thread every kTickInterval, also while tasks are waiting.
  explicit ControlThread(std::function<void()> tick);
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

  void Run();

  const std::function<void()> tick_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;  // From here on under mutex_.
  size_t ask_count_ = 0;
  bool ending_ = false;
  std::atomic<size_t> tell_count_{0};  // Written under mutex_.
  std::thread thread_;                 // Last: it uses the others.
};

}  // namespace relay
