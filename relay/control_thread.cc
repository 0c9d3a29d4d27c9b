#include "relay/control_thread.h"

#include <utility>

namespace relay {

ControlThread::ControlThread(std::function<void()> tick)
    : tick_(std::move(tick)), thread_([this] { Run(); }) {}

ControlThread::~ControlThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool ControlThread::Ask(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (ask_count_ >= kRequestsMax) return false;
    ++ask_count_;
    tasks_.push_back({std::move(task), true});
  }
  changed_.notify_one();
  return true;
}

void ControlThread::Tell(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tell_count_.fetch_add(1, std::memory_order_relaxed);
    tasks_.push_back({std::move(task), false});
  }
  changed_.notify_one();
}

void ControlThread::Run() {
  auto next_tick = std::chrono::steady_clock::now() + kTickInterval;
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, next_tick, [this] { return ending_ || !tasks_.empty(); });
      if (ending_ && tasks_.empty()) return;
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
        if (task.is_asked) {
          --ask_count_;
        } else {
          tell_count_.fetch_sub(1, std::memory_order_relaxed);
        }
      }
    }
    if (task.run) task.run();
    if (std::chrono::steady_clock::now() < next_tick) continue;
    tick_();
    next_tick = std::chrono::steady_clock::now() + kTickInterval;
  }
}

}  // namespace relay
