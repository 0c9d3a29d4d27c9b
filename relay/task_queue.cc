#include "relay/task_queue.h"

#include <utility>

namespace relay {

void TaskQueue::Add(Task task) {
  if (task.kind == Kind::kAsked) ++ask_count_;
  if (task.kind == Kind::kNoted) ++note_count_;
  tasks_.push_back(std::move(task));
}

std::optional<TaskQueue::Task> TaskQueue::Take() {
  if (tasks_.empty()) return std::nullopt;
  Task task = std::move(tasks_.front());
  tasks_.pop_front();
  if (task.kind == Kind::kAsked) --ask_count_;
  if (task.kind == Kind::kNoted) --note_count_;
  return task;
}

std::optional<TaskQueue::Task> TaskQueue::TakeForBatch(bool is_awaited) {
  if (is_awaited && MayGather()) return std::nullopt;
  return Take();
}

void TaskQueue::Clear() {
  tasks_.clear();
  ask_count_ = 0;
  note_count_ = 0;
}

}  // namespace relay
