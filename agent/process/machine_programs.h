#pragma once

#include <sys/types.h>

#include "agent/process/child_watcher.h"
#include "agent/process/program_host.h"
#include "engine/loop/loop.h"

namespace agent {

// MachinePrograms runs them on this machine, as children of this process.
class MachinePrograms final : public ProgramHost {
 public:
  // `agent_uid` is the effective user of this process. Requires: SIGCHLD is blocked in every
  // thread.
  MachinePrograms(engine::Loop& loop, uid_t agent_uid) : children_(loop), agent_uid_(agent_uid) {}

  absl::StatusOr<RunAsUser> ChooseUser(std::string_view wanted) override;
  absl::StatusOr<StartedProgram> Start(const SpawnRequest& request) override;
  void Watch(pid_t pid, Owner& owner) override { children_.Watch(pid, owner); }
  void Reap(pid_t pid) override { children_.Reap(pid); }
  bool SignalGroup(pid_t group, int signal) override;
  void SignalOne(pid_t pid, int signal) override;
  void Resize(engine::Socket terminal, engine::TerminalSize size) override;
  pid_t ForegroundOf(engine::Socket terminal) override;
  char EndOfInputOf(engine::Socket terminal) override;
  void Type(engine::Socket terminal, std::string_view text) override;
  void TypeEndOfInput(engine::Socket terminal) override;
  void Close() override { children_.Close(); }
  bool closed() const override { return children_.closed(); }

  size_t count() const { return children_.count(); }

 private:
  ChildWatcher children_;
  const uid_t agent_uid_;
};

}  // namespace agent
