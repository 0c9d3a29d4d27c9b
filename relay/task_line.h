#pragma once

#include <functional>
#include <utility>

namespace relay {

// TaskLine is where tasks of the desk run, one after another: a thread of its own in the program
// (ControlThread).
class TaskLine {
 public:
  // Batch is called around tasks that run one after another without a pause: what costs the same
  // for one and for many (waiting for the disk) belongs into `end`.
  struct Batch {
    std::function<void()> begin = [] {};
    std::function<void()> end = [] {};
  };

  virtual ~TaskLine() = default;

  // Ask queues a task that somebody outside wants; false when too many wait already.
  [[nodiscard]] virtual bool Ask(std::function<void()> task) = 0;

  // Tell queues a task that must not be lost: the end of a session, a node's coming and going.
  // Their number is bounded by the links and streams that cause them; see IsBehind.
  virtual void Tell(std::function<void()> task) = 0;

  // Note queues a task like Tell, for which nobody waits: what is put on record. It may be left
  // until others come, for some milliseconds.
  virtual void Note(std::function<void()> task) { Tell(std::move(task)); }

  // IsBehind is true while so many wait that nobody may begin what will have to be told.
  virtual bool IsBehind() const = 0;
};

}  // namespace relay
