#include "tests/sim/desk_line.h"

#include <algorithm>

namespace sim {

DeskLine::DeskLine(const engine::Instant& now, engine::Random& random, std::function<void()> tick,
                   Batch batch)
    : now_(now), random_(random), tick_(std::move(tick)), batch_(std::move(batch)) {}

bool DeskLine::Ask(std::function<void()> task) {
  if (ask_count_ >= asks_max_) return false;
  ++ask_count_;
  Add({.run = std::move(task), .is_asked = true});
  return true;
}

void DeskLine::Tell(std::function<void()> task) { Add({.run = std::move(task)}); }

void DeskLine::Note(std::function<void()> task) { Add({.run = std::move(task), .is_note = true}); }

engine::Instant DeskLine::Soon(uint64_t us_max) {
  return now_ + std::chrono::microseconds(random_.Range(0, us_max));
}

void DeskLine::Add(Task task) {
  if (!is_started_) {
    batch_.begin();
    task.run();
    return batch_.end();
  }
  const bool was_patient = HasNotesOnly();  // Also when nothing waits.
  if (tasks_.empty()) turn_at_ = Soon(task.is_note ? kNoteMaxUs : kTurnMaxUs);
  if (task.is_note) ++note_count_;
  tasks_.push_back(std::move(task));
  if (was_patient && !HasNotesOnly()) turn_at_ = std::min(turn_at_, Soon(kTurnMaxUs));
}

void DeskLine::Start() {
  is_started_ = true;
  tick_at_ = now_ + kTick;
}

engine::Instant DeskLine::NextAt() const {
  return std::max(busy_until_, tasks_.empty() ? tick_at_ : std::min(tick_at_, turn_at_));
}

// RunBatch ends, as the control thread's does, when somebody waits for its end and nobody for what
// is left.
void DeskLine::RunBatch() {
  bool is_awaited = false;
  batch_.begin();
  for (size_t count = 0; count < kBatchTasksMax && !tasks_.empty(); ++count) {
    if (is_awaited && HasNotesOnly()) break;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    if (task.is_asked) --ask_count_;
    task.is_note ? static_cast<void>(--note_count_) : static_cast<void>(is_awaited = true);
    task.run();
  }
  batch_.end();
  if (!tasks_.empty()) turn_at_ = Soon(HasNotesOnly() ? kNoteMaxUs : kTurnMaxUs);
}

void DeskLine::Run() {
  if (now_ < busy_until_) return;
  if (!tasks_.empty() && now_ >= turn_at_) RunBatch();
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
