#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

namespace relay {

// TaskQueue keeps the desk's tasks in the order in which they came, and says which of them belong
// into one batch. It knows no clock and no lock: whoever owns it brings both.
class TaskQueue {
 public:
  enum class Kind : uint8_t { kAsked, kTold, kNoted };
  struct Task {
    std::function<void()> run;
    Kind kind;
  };

  // A batch has no more; so many notes are run even if nothing else comes.
  static constexpr size_t kBatchTasksMax = 256;

  void Add(Task task);
  // The first task, or none.
  std::optional<Task> Take();
  // The next task of a batch that is under way, or none: also when only notes are left while
  // somebody waits for an answer (`is_awaited`), which leaves with the batch's end.
  std::optional<Task> TakeForBatch(bool is_awaited);
  void Clear();

  // True while what waits may gather: notes alone, and not too many; or nothing.
  bool MayGather() const { return tasks_.size() == note_count_ && note_count_ < kBatchTasksMax; }
  bool is_empty() const { return tasks_.empty(); }
  size_t size() const { return tasks_.size(); }
  size_t asked() const { return ask_count_; }
  size_t noted() const { return note_count_; }

 private:
  std::deque<Task> tasks_;
  size_t ask_count_ = 0;
  size_t note_count_ = 0;
};

}  // namespace relay
