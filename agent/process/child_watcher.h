// The end of children, by SIGCHLD. Only pids that were given to Watch are ever waited for.

#pragma once

#include <sys/types.h>

#include "absl/container/flat_hash_map.h"
#include "agent/process/program_host.h"
#include "engine/loop/loop.h"
#include "engine/platform/signal_receiver.h"
#include "engine/wire/control.h"

namespace agent {

class ChildWatcher final : private engine::SignalReceiver::Events {
 public:
  using Owner = ProgramHost::Owner;

  // Requires: SIGCHLD is blocked in every thread.
  explicit ChildWatcher(engine::Loop& loop);
  // Requires: no child is watched; closed().
  ~ChildWatcher();

  // Watch tells `owner` once when `pid` has ended, from a later iteration of the loop. Call it in
  // the iteration that forked.
  void Watch(pid_t pid, Owner& owner);

  // Reap waits for a child that ended, at once, and forgets it. Requires: OnExited was called.
  void Reap(pid_t pid);

  void Close() { signals_.Close(); }
  bool closed() const { return signals_.closed(); }
  size_t count() const { return children_.size(); }

 private:
  struct Child {
    Owner* owner;
    bool exited = false;
  };
  void OnSignal(int signal) override;

  absl::flat_hash_map<pid_t, Child> children_;
  engine::SignalReceiver signals_;
};

}  // namespace agent
