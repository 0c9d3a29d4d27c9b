#include "agent/process/child_watcher.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace agent {
namespace {

constexpr size_t kChildrenExpected = 1024;

engine::Exit ExitOf(const siginfo_t& info) {
  engine::Exit exit;
  if (info.si_code == CLD_EXITED) {
    exit.status = static_cast<uint8_t>(info.si_status);
  } else {
    const char* name = ::sigabbrev_np(info.si_status);
    exit.signal = name != nullptr ? name : std::to_string(info.si_status);
  }
  return exit;
}

}  // namespace

ChildWatcher::ChildWatcher(engine::Loop& loop) : signals_(loop, {SIGCHLD}, *this) {
  children_.reserve(kChildrenExpected);
}

ChildWatcher::~ChildWatcher() { CHECK(children_.empty()); }

void ChildWatcher::Watch(pid_t pid, Owner& owner) {
  CHECK(pid > 1);
  CHECK(children_.emplace(pid, Child{&owner}).second);
}

void ChildWatcher::Reap(pid_t pid) {
  const auto found = children_.find(pid);
  CHECK(found != children_.end());
  CHECK(found->second.exited);
  children_.erase(found);
  while (::waitpid(pid, nullptr, WNOHANG) < 0 && errno == EINTR) {
  }
}

// Several children may share one SIGCHLD, so each is asked for.
void ChildWatcher::OnSignal(int) {
  std::vector<std::pair<Owner*, engine::Exit>> ended;
  for (auto& [pid, child] : children_) {
    if (child.exited) continue;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) continue;
    if (info.si_pid != pid) continue;
    child.exited = true;
    ended.emplace_back(child.owner, ExitOf(info));
  }
  // Owners may watch and reap, hence not inside the walk. None is destroyed by another's end.
  for (auto& [owner, exit] : ended) owner->OnExited(exit);
}

}  // namespace agent
