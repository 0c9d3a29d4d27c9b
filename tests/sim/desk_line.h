// What stands between loop and desk in the relay, without its threads: tasks wait in a queue until
// their turn comes, by the world's time.

#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "engine/base/random.h"
#include "engine/base/time.h"
#include "relay/loop_port.h"
#include "relay/task_line.h"
#include "relay/task_queue.h"

namespace sim {

// DeskLine is the control thread.
class DeskLine final : public relay::TaskLine {
 public:
  static constexpr uint64_t kTurnMaxUs = 3'000;   // From a task's arrival until its turn comes.
  static constexpr uint64_t kNoteMaxUs = 20'000;  // The same of a note, where nobody waits.
  static constexpr engine::Duration kTick = std::chrono::milliseconds(200);
  static constexpr size_t kAsksMax = 1024;
  static constexpr size_t kTellsHigh = 4096;

  // `now` is the world's time.
  DeskLine(const engine::Instant& now, engine::Random& random, std::function<void()> tick,
           Batch batch);

  bool Ask(std::function<void()> task) override;
  void Tell(std::function<void()> task) override;
  void Note(std::function<void()> task) override;
  bool IsBehind() const override { return tasks_.size() > kTellsHigh; }

  // Until Start, tasks run in the call that brings them: nobody else runs yet.
  void Start();
  engine::Instant NextAt() const;
  void Run();
  // SlowDown is a disk that makes everybody wait until then.
  void SlowDown(engine::Instant until) { busy_until_ = until; }
  // SetRoom sets how many that were asked for may wait.
  void SetRoom(size_t asks_max) { asks_max_ = asks_max; }
  void Drop() { tasks_.Clear(); }
  bool is_empty() const { return tasks_.is_empty(); }

 private:
  using Task = relay::TaskQueue::Task;
  using Kind = relay::TaskQueue::Kind;
  void Add(Task task);
  void RunBatch();
  engine::Instant Soon(uint64_t us_max);

  const engine::Instant& now_;
  engine::Random& random_;
  const std::function<void()> tick_;
  const Batch batch_;
  relay::TaskQueue tasks_;
  size_t asks_max_ = kAsksMax;
  engine::Instant busy_until_{};
  engine::Instant tick_at_{};
  engine::Instant turn_at_ = engine::Instant::max();  // Of what waits.
  bool is_started_ = false;
};

// DeskLoop is the way back to the loop.
class DeskLoop final : public relay::LoopPort {
 public:
  static constexpr size_t kPostsMax = 1024;

  bool Post(Task task) override;
  bool Tell(Task task) override;

  void Run(relay::Switchboard& switchboard);
  void Drop() { tasks_.clear(); }
  bool is_empty() const { return tasks_.empty(); }
  // SetRoom sets how many tasks its mailbox takes.
  void SetRoom(size_t posts_max) { posts_max_ = posts_max; }

 private:
  std::deque<Task> tasks_;
  size_t posts_max_ = kPostsMax;
};

}  // namespace sim
