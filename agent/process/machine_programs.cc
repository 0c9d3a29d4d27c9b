#include "agent/process/machine_programs.h"

#include <signal.h>

#include <cerrno>

#include "agent/process/pty.h"
#include "engine/base/check.h"

namespace agent {
namespace {

engine::Socket FileOf(Descriptor& descriptor) {
  if (!descriptor.valid()) return {};
  return {descriptor.Release(), engine::SocketKind::kFile};
}

int MasterOf(engine::Socket terminal) { return static_cast<int>(terminal.handle); }

}  // namespace

absl::StatusOr<RunAsUser> MachinePrograms::ChooseUser(std::string_view wanted) {
  return ChooseRunAsUser(wanted, agent_uid_);
}

absl::StatusOr<StartedProgram> MachinePrograms::Start(const SpawnRequest& request) {
  absl::StatusOr<Spawned> spawned = Spawn(request);
  if (!spawned.ok()) return spawned.status();
  return StartedProgram{.pid = spawned->pid,
                        .status = FileOf(spawned->status),
                        .input = FileOf(spawned->input),
                        .output = FileOf(spawned->output),
                        .error = FileOf(spawned->error)};
}

bool MachinePrograms::SignalGroup(pid_t group, int signal) {
  CHECK(group > 1);
  return ::kill(-group, signal) == 0 || errno != ESRCH;
}

void MachinePrograms::SignalOne(pid_t pid, int signal) {
  CHECK(pid > 1);
  ::kill(pid, signal);
}

void MachinePrograms::Resize(engine::Socket terminal, engine::TerminalSize size) {
  ResizePty(MasterOf(terminal), size);
}

pid_t MachinePrograms::ForegroundOf(engine::Socket terminal) {
  return PtyForeground(MasterOf(terminal));
}

char MachinePrograms::EndOfInputOf(engine::Socket terminal) {
  return PtyEndOfInput(MasterOf(terminal));
}

void MachinePrograms::Type(engine::Socket terminal, std::string_view text) {
  PtyType(MasterOf(terminal), text);
}

void MachinePrograms::TypeEndOfInput(engine::Socket terminal) {
  PtyTypeEndOfInput(MasterOf(terminal));
}

}  // namespace agent
