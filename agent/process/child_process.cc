#include "agent/process/child_process.h"

#include <signal.h>

#include "engine/base/check.h"

namespace agent {
namespace {

// How often the group is looked at while it has its grace. A group that is seen empty is never
// signalled again, and its number cannot be given away and filled anew in so short a time.
constexpr engine::Duration kTick = std::chrono::milliseconds(100);

struct SignalName {
  std::string_view name;
  int signal;
};
constexpr SignalName kClientSignals[] = {
    {"INT", SIGINT},   {"TERM", SIGTERM}, {"HUP", SIGHUP},   {"QUIT", SIGQUIT},
    {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH},
};

}  // namespace

ChildProcess::ChildProcess(engine::Loop& loop, ProgramHost& host, Events& events,
                           engine::Duration grace)
    : loop_(loop),
      host_(host),
      events_(events),
      grace_(grace),
      tick_op_(engine::Handler<engine::Fired>::To<&ChildProcess::OnTick>(this)) {}

ChildProcess::~ChildProcess() { CHECK(gone()); }

void ChildProcess::Start(pid_t pid) {
  CHECK(gone());
  pid_ = pid;
  host_.Watch(pid, *this);
}

bool ChildProcess::Signal(std::string_view name, pid_t foreground) {
  for (const SignalName& entry : kClientSignals) {
    if (entry.name != name) continue;
    if (!running() || hanging_up_) return true;
    if (foreground > 1) {
      host_.SignalGroup(foreground, entry.signal);
    } else {
      SignalGroup(entry.signal);
    }
    return true;
  }
  return false;
}

void ChildProcess::Release() {
  CHECK(exited_);
  CHECK(!hanging_up_);
  host_.Reap(pid_);
  pid_ = 0;
}

void ChildProcess::Hangup() {
  CHECK(!gone());
  CHECK(!hanging_up_);
  hanging_up_ = true;
  SignalGroup(SIGHUP);
  SignalGroup(SIGCONT);  // A stopped process hears nothing else.
  kill_at_ = loop_.Now() + grace_;
  loop_.StartTimer(tick_op_, exited_ ? loop_.Now() : loop_.Now() + kTick);
}

void ChildProcess::SignalGroup(int signal) {
  CHECK(pid_ > 1);
  // A child that was forked just now has no group yet; it gets the signal once it lets signals in.
  if (!host_.SignalGroup(pid_, signal) && !reaped_) host_.SignalOne(pid_, signal);
}

void ChildProcess::OnExited(const engine::Exit& exit) {
  exited_ = true;
  if (!hanging_up_) events_.OnChildExited(exit);
}

void ChildProcess::OnTick(engine::Fired) {
  if (!killed_ && loop_.Now() >= kill_at_) {
    SignalGroup(SIGKILL);
    killed_ = true;
  }
  if (exited_ && !reaped_) {
    host_.Reap(pid_);
    reaped_ = true;
  }
  const bool empty = reaped_ && !host_.SignalGroup(pid_, 0);
  if (reaped_ && (killed_ || empty)) {
    pid_ = 0;
    return events_.OnChildGone();
  }
  loop_.StartTimer(tick_op_, loop_.Now() + kTick);
}

}  // namespace agent
