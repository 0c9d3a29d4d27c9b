#pragma once

#include <sys/types.h>

#include <chrono>
#include <string_view>

#include "agent/process/program_host.h"
#include "engine/base/time.h"
#include "engine/loop/loop.h"
#include "engine/wire/control.h"

namespace agent {

// ChildProcess is a program that was started, with its process group, until nothing of it is left
// that is ours to end.
//
//     Start --> running --(exit)--> OnChildExited --> Release: reaped, its group lives on
//                  |                      |
//                  +----- Hangup ---------+--> SIGHUP, SIGCONT; what is left of the group after
//                                              its grace gets SIGKILL; reaped
//
// gone() is true at the end of both ways, and before Start.
class ChildProcess final : private ProgramHost::Owner {
 public:
  static constexpr engine::Duration kGrace = std::chrono::seconds(5);

  class Events {
   public:
    virtual void OnChildExited(const engine::Exit& exit) = 0;  // Not after Hangup.
    virtual void OnChildGone() = 0;                            // Hangup has done its work.

   protected:
    ~Events() = default;
  };

  ChildProcess(engine::Loop& loop, ProgramHost& host, Events& events,
               engine::Duration grace = kGrace);
  ~ChildProcess();  // Requires: gone().
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Start takes over the child `pid`, which leads a process group of its own.
  void Start(pid_t pid);

  // Signal sends one of the signals that PROTOCOL.md lets a client send to `foreground`, or to the
  // child's own group when that is 0. False: a name that is not on the list. A child that ended
  // gets nothing more.
  bool Signal(std::string_view name, pid_t foreground);

  // Release reaps a child that ended. Requires: OnChildExited was called, Hangup was not.
  void Release();

  // Hangup ends the group, as the picture says; OnChildGone follows, never inside this call.
  // Requires: !gone(), and it was not called before.
  void Hangup();

  bool running() const { return pid_ != 0 && !exited_; }
  bool gone() const { return pid_ == 0; }

 private:
  void OnExited(const engine::Exit& exit) override;
  void OnTick(engine::Fired outcome);
  void SignalGroup(int signal);

  engine::Loop& loop_;
  ProgramHost& host_;
  Events& events_;
  const engine::Duration grace_;
  engine::TimerOp tick_op_;
  pid_t pid_ = 0;
  bool exited_ = false;
  bool reaped_ = false;
  bool hanging_up_ = false;
  bool killed_ = false;
  engine::Instant kill_at_{};
};

}  // namespace agent
