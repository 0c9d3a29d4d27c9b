#include "relay/control_thread.h"

#include <algorithm>
#include <utility>

#include "engine/platform/turns.h"

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
    if (tasks_.asked() >= kRequestsMax) return false;
    Add({std::move(task), Kind::kAsked});
  }
  changed_.notify_one();
  return true;
}

void ControlThread::Tell(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    Add({std::move(task), Kind::kTold});
  }
  changed_.notify_one();
}

void ControlThread::Note(std::function<void()> task) {
  bool is_news = false;  // To the thread, which waits for the first one's time.
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.noted() == 0) notes_due_ = Clock::now() + kNoteDelay;
    Add({std::move(task), Kind::kNoted});
    is_news = tasks_.noted() == 1 || tasks_.noted() == TaskQueue::kBatchTasksMax;
  }
  if (is_news) changed_.notify_one();
}

void ControlThread::Add(Task task) {
  tasks_.Add(std::move(task));
  CountWaiting();
}

void ControlThread::CountWaiting() {
  tell_count_.store(tasks_.size() - tasks_.asked(), std::memory_order_relaxed);
}

std::optional<ControlThread::Task> ControlThread::TakeTask(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  while (!ending_ && tasks_.MayGather()) {
    const Clock::time_point until = tasks_.noted() > 0 ? std::min(end, notes_due_) : end;
    if (Clock::now() >= until) break;
    changed_.wait_until(lock, until);
  }
  std::optional<Task> task = tasks_.Take();
  CountWaiting();
  return task;
}

std::optional<ControlThread::Task> ControlThread::TakeNext(bool is_awaited) {
  const std::lock_guard lock(mutex_);
  std::optional<Task> task = tasks_.TakeForBatch(is_awaited && !ending_);
  CountWaiting();
  return task;
}

void ControlThread::RunBatch(Task task) {
  const Clock::time_point end = Clock::now() + kBatchTimeMax;
  bool is_awaited = false;
  batch_.begin();
  for (size_t count = 1;; ++count) {
    is_awaited |= task.kind != Kind::kNoted;
    task.run();
    if (count == TaskQueue::kBatchTasksMax || Clock::now() >= end) break;
    std::optional<Task> next = TakeNext(is_awaited);
    if (!next.has_value()) break;
    task = *std::move(next);
    // What was woken on this processor need not wait for a tick while nobody waits for this batch.
    if (!is_awaited && count % kNotesTogether == 0) std::this_thread::yield();
  }
  batch_.end();
}

void ControlThread::Run() {
  engine::TakeLongTurns();  // Records of what loops carry must not hold them up.
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
  return ending_ && tasks_.is_empty();
}

}  // namespace relay
