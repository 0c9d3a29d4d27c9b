#include "relay/control_thread.h"

#include <utility>

namespace relay {

ControlThread::ControlThread(std::function<void()> tick, Batch batch)
    : tick_(std::move(tick)), batch_(std::move(batch)), thread_([this] { Run(); }) {}

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

std::optional<ControlThread::Task> ControlThread::TakeTask(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, end, [this] { return ending_ || !tasks_.empty(); });
  if (tasks_.empty()) return std::nullopt;
  Task task = std::move(tasks_.front());
  tasks_.pop_front();
  if (task.is_asked) {
    --ask_count_;
  } else {
    tell_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  return task;
}

void ControlThread::RunBatch(Task task) {
  const Clock::time_point end = Clock::now() + kBatchTimeMax;
  batch_.begin();
  task.run();
  for (size_t i = 1; i < kBatchTasksMax && Clock::now() < end; ++i) {
    const std::optional<Task> next = TakeTask(Clock::time_point());
    if (!next.has_value()) break;
    next->run();
  }
  batch_.end();
}

void ControlThread::Run() {
  Clock::time_point next_tick = Clock::now() + kTickInterval;
  while (true) {
    std::optional<Task> task = TakeTask(next_tick);
    if (task.has_value()) {
      RunBatch(*std::move(task));
    } else if (is_ending()) {
      return;
    }
    if (Clock::now() < next_tick) continue;
    batch_.begin();
    tick_();
    batch_.end();
    next_tick = Clock::now() + kTickInterval;
  }
}

bool ControlThread::is_ending() {
  const std::lock_guard lock(mutex_);
  return ending_ && tasks_.empty();
}

}  // namespace relay
