#include "tests/sim/desk_line.h"

#include <algorithm>

namespace sim {

DeskLine::DeskLine(const engine::Instant& now, engine::Random& random, std::function<void()> tick,
                   Batch batch)
    : now_(now), random_(random), tick_(std::move(tick)), batch_(std::move(batch)) {}

bool DeskLine::Ask(std::function<void()> task) {
  if (tasks_.asked() >= asks_max_) return false;
  Add({std::move(task), Kind::kAsked});
  return true;
}

void DeskLine::Tell(std::function<void()> task) { Add({std::move(task), Kind::kTold}); }

void DeskLine::Note(std::function<void()> task) { Add({std::move(task), Kind::kNoted}); }

engine::Instant DeskLine::Soon(uint64_t us_max) {
  return now_ + std::chrono::microseconds(random_.Range(0, us_max));
}

void DeskLine::Add(Task task) {
  if (!is_started_) {
    batch_.begin();
    task.run();
    return batch_.end();
  }
  const bool was_patient = tasks_.MayGather();
  if (tasks_.is_empty()) turn_at_ = Soon(task.kind == Kind::kNoted ? kNoteMaxUs : kTurnMaxUs);
  tasks_.Add(std::move(task));
  if (was_patient && !tasks_.MayGather()) turn_at_ = std::min(turn_at_, Soon(kTurnMaxUs));
}

void DeskLine::Start() {
  is_started_ = true;
  tick_at_ = now_ + kTick;
}

engine::Instant DeskLine::NextAt() const {
  return std::max(busy_until_, tasks_.is_empty() ? tick_at_ : std::min(tick_at_, turn_at_));
}

void DeskLine::RunBatch() {
  bool is_awaited = false;
  batch_.begin();
  for (size_t count = 0; count < relay::TaskQueue::kBatchTasksMax; ++count) {
    const std::optional<Task> task = tasks_.TakeForBatch(is_awaited);
    if (!task.has_value()) break;
    is_awaited |= task->kind != Kind::kNoted;
    task->run();
  }
  batch_.end();
  if (!tasks_.is_empty()) turn_at_ = Soon(tasks_.MayGather() ? kNoteMaxUs : kTurnMaxUs);
}

void DeskLine::Run() {
  if (now_ < busy_until_) return;
  if (!tasks_.is_empty() && now_ >= turn_at_) RunBatch();
  if (now_ < tick_at_) return;
  batch_.begin();
  tick_();
  batch_.end();
  tick_at_ = now_ + kTick;
}

bool DeskLoop::Post(Task task) { return tasks_.size() < posts_max_ && Tell(std::move(task)); }

bool DeskLoop::Tell(Task task) {
  tasks_.push_back(std::move(task));
  return true;
}

void DeskLoop::Run(relay::Switchboard& switchboard) {
  for (size_t count = tasks_.size(); count > 0 && !tasks_.empty(); --count) {
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task(switchboard);
  }
}

}  // namespace sim
