#include "tests/sim/desk_line.h"

#include <algorithm>

namespace sim {

DeskLine::DeskLine(const engine::Instant& now, engine::Random& random, std::function<void()> tick,
                   Batch batch)
    : now_(now), random_(random), tick_(std::move(tick)), batch_(std::move(batch)) {}

bool DeskLine::Ask(std::function<void()> task) {
  if (ask_count_ >= asks_max_) return false;
  ++ask_count_;
  Add({std::move(task), true});
  return true;
}

void DeskLine::Tell(std::function<void()> task) { Add({std::move(task), false}); }

void DeskLine::Add(Task task) {
  if (!is_started_) {
    batch_.begin();
    task.run();
    return batch_.end();
  }
  if (tasks_.empty()) {
    const auto turn = std::chrono::microseconds(random_.Range(0, kTurnMaxUs));
    busy_until_ = std::max(busy_until_, now_ + turn);
  }
  tasks_.push_back(std::move(task));
}

void DeskLine::Start() {
  is_started_ = true;
  tick_at_ = now_ + kTick;
}

engine::Instant DeskLine::NextAt() const {
  return std::max(busy_until_, tasks_.empty() ? tick_at_ : now_);
}

void DeskLine::Run() {
  if (now_ < busy_until_) return;
  if (!tasks_.empty()) {
    batch_.begin();
    for (size_t count = std::min(tasks_.size(), kBatchTasksMax); count > 0; --count) {
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      if (task.is_asked) --ask_count_;
      task.run();
    }
    batch_.end();
  }
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
