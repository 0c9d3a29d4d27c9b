#pragma once

#include <map>
#include <memory>

#include "agent/process/program_host.h"
#include "engine/sim/sim_loop.h"
#include "tests/sim/programs.h"

namespace sim {

// PlayedPrograms is what an agent starts programs on: each is played by the server's process, over
// sockets between the two. What the agent asks of a terminal or a child is answered from there.
class PlayedPrograms final : public agent::ProgramHost {
 public:
  // The loop is the agent's. Both outlive what is started.
  PlayedPrograms(engine::sim::SimLoop& loop, Server& server);
  ~PlayedPrograms() override;

  absl::StatusOr<agent::RunAsUser> ChooseUser(std::string_view wanted) override;
  absl::StatusOr<agent::StartedProgram> Start(const agent::SpawnRequest& request) override;
  void Watch(pid_t pid, Owner& owner) override;
  void Reap(pid_t pid) override;
  bool SignalGroup(pid_t group, int signal) override;
  void SignalOne(pid_t pid, int signal) override { SignalGroup(pid, signal); }
  void Resize(engine::Socket terminal, engine::TerminalSize size) override;
  pid_t ForegroundOf(engine::Socket terminal) override;
  char EndOfInputOf(engine::Socket) override { return '\0'; }  // It reads bytes as they are.
  void Type(engine::Socket, std::string_view) override {}
  void TypeEndOfInput(engine::Socket terminal) override;
  void Close() override { loop_.Cancel(exits_op_); }
  bool closed() const override { return !exits_op_.in_flight(); }

 private:
  struct Child {
    std::shared_ptr<PlayedProgram> program;
    engine::Socket terminal;
    Owner* owner = nullptr;
    bool is_told = false;
  };
  void OnExits(engine::Fired outcome);
  Child* At(engine::Socket terminal);

  engine::sim::SimLoop& loop_;
  Server& server_;
  std::map<pid_t, Child> children_;  // Until they are reaped.
  pid_t last_pid_ = 1000;
  engine::TimerOp exits_op_;
};

}  // namespace sim
