#pragma once

#include <string>

#include "engine/loop/loop.h"
#include "relay/gateway/local_link.h"

namespace relay {

// LocalRun moves a link inside the process and what works at its near end: on the loop's timer, so
// never inside the call that woke it, and as often as one moves the other.
class LocalRun {
 public:
  class Work {
   public:
    // RunOnce does what is due. It is told after the link was run.
    virtual void RunOnce(engine::Instant now) = 0;
    virtual engine::Instant NextDeadline() const = 0;
    // The run is over, because of `reason`; nothing wakes it any more. It may destroy the run.
    virtual void OnRunOver(const std::string& reason) = 0;

   protected:
    ~Work() = default;
  };

  // All outlive the run.
  LocalRun(engine::Loop& loop, LocalLink& link, Work& work);
  ~LocalRun();  // Requires: OnRunOver was called, or nothing was ever woken.
  LocalRun(const LocalRun&) = delete;
  LocalRun& operator=(const LocalRun&) = delete;

  // Wake says that there is something to do.
  void Wake();
  // RunLink runs the link alone, at once.
  void RunLink() { is_dry_ = !link_.Run(loop_.Now()); }
  // End ends the run soon, with the last reason that was said.
  void End(std::string reason);
  bool over() const { return is_over_; }

 private:
  void OnTimer(engine::Fired outcome);
  void Run();
  void Arm();

  engine::Loop& loop_;
  LocalLink& link_;
  Work& work_;
  bool is_woken_ = false;
  bool is_running_ = false;
  bool is_over_ = false;
  bool is_dry_ = false;  // The pool had no block for what the link would move.
  std::string end_reason_;
  engine::Instant armed_for_ = engine::Instant::max();
  engine::TimerOp timer_op_;
};

}  // namespace relay
