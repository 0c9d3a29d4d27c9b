#pragma once

#include <functional>

namespace relay {

class Switchboard;

// LoopPort is how others reach what runs on one loop.
class LoopPort {
 public:
  using Task = std::function<void(Switchboard&)>;

  // Post runs `task` where the loop runs, in order. False when that has ended or its mailbox is
  // full.
  virtual bool Post(Task task) = 0;

  // Tell is Post for what must not be lost: an answer, the end of a session. What finds the mailbox
  // full is kept, in order, until the loop has time. False when nobody is there to be told any
  // more, or too much is kept, which is logged.
  virtual bool Tell(Task task) = 0;

 protected:
  ~LoopPort() = default;
};

}  // namespace relay
