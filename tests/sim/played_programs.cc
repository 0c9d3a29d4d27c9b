#include "tests/sim/played_programs.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace sim {
namespace {

// SessionOf is the session that the agent starts a program for, as it tells the program.
std::string SessionOf(const agent::SpawnRequest& request) {
  constexpr std::string_view kName = "ADIT_SESSION_ID=";
  for (const std::string& variable : request.environment) {
    if (variable.starts_with(kName)) return variable.substr(kName.size());
  }
  return {};
}

}  // namespace

PlayedPrograms::PlayedPrograms(engine::sim::SimLoop& loop, Server& server)
    : loop_(loop),
      server_(server),
      exits_op_(engine::Handler<engine::Fired>::To<&PlayedPrograms::OnExits>(this)) {}

PlayedPrograms::~PlayedPrograms() { CHECK(children_.empty()); }

absl::StatusOr<agent::RunAsUser> PlayedPrograms::ChooseUser(std::string_view) {
  return agent::RunAsUser{
      .name = "adit", .uid = 1000, .gid = 1000, .groups = {}, .home = "/", .shell = "/bin/sh"};
}

absl::StatusOr<agent::StartedProgram> PlayedPrograms::Start(const agent::SpawnRequest& request) {
  engine::sim::SimNetwork& network = loop_.network();
  const auto pair = [&] { return network.Pair(loop_.process(), server_.loop().process()); };
  // Of the other end's use nothing comes: it is closed by the program's start.
  const auto closed = [&] {
    const auto ends = pair();
    network.Close(ends[1], engine::CloseMode::kOrderly, loop_.Now());
    return ends[0];
  };
  const pid_t pid = ++last_pid_;
  const auto in = pair();
  agent::StartedProgram started{.pid = pid, .status = closed(), .input = in[0]};
  Child& child = children_[pid];
  const std::string session_id = SessionOf(request);
  if (request.terminal.has_value()) {
    child.terminal = in[0];
    child.program = server_.Run({in[1], in[1]}, request.terminal->columns, session_id);
  } else {
    const auto out = pair();
    started.output = out[0];
    started.error = closed();
    child.program = server_.Run({in[1], out[1]}, ProgramPlan::kFirstColumns, session_id);
  }
  child.program->on_exit = [this] {
    if (!exits_op_.in_flight()) loop_.StartTimer(exits_op_, loop_.Now());
  };
  return started;
}

void PlayedPrograms::Watch(pid_t pid, Owner& owner) { children_.at(pid).owner = &owner; }

void PlayedPrograms::OnExits(engine::Fired) {
  std::vector<std::pair<Owner*, engine::Exit>> ended;
  for (auto& [pid, child] : children_) {
    if (!child.program->exit().has_value() || std::exchange(child.is_told, true)) continue;
    ended.emplace_back(child.owner, *child.program->exit());
  }
  for (const auto& [owner, exit] : ended) owner->OnExited(exit);
}

void PlayedPrograms::Reap(pid_t pid) {
  CHECK(children_.at(pid).is_told);
  children_.erase(pid);
}

bool PlayedPrograms::SignalGroup(pid_t group, int signal) {
  const auto found = children_.find(group);
  if (found == children_.end()) return false;
  found->second.program->Hear(signal);
  return true;
}

PlayedPrograms::Child* PlayedPrograms::At(engine::Socket terminal) {
  for (auto& [pid, child] : children_) {
    if (child.terminal == terminal) return &child;
  }
  return nullptr;
}

void PlayedPrograms::Resize(engine::Socket terminal, engine::TerminalSize size) {
  if (Child* child = At(terminal); child != nullptr) child->program->SetSize(size.columns);
}

pid_t PlayedPrograms::ForegroundOf(engine::Socket terminal) {
  for (const auto& [pid, child] : children_) {
    if (child.terminal == terminal) return pid;
  }
  return 0;
}

void PlayedPrograms::TypeEndOfInput(engine::Socket terminal) {
  if (Child* child = At(terminal); child != nullptr) child->program->HearEnd();
}

}  // namespace sim
