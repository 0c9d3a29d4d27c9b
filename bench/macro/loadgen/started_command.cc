#include "bench/macro/loadgen/started_command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace loadgen {

pid_t StartCommand(const std::vector<char*>& command, int output) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
  if (getenv("LOADGEN_VERBOSE") == nullptr) dup2(nothing, STDERR_FILENO);
  execvp(command.front(), command.data());
  _exit(127);
}

void EndCommand(pid_t pid) {
  constexpr int kTries = 200;
  kill(-pid, SIGTERM);
  for (int i = 0; i < kTries; ++i) {
    if (waitpid(pid, nullptr, WNOHANG) == pid) return;
    usleep(10'000);
  }
  kill(-pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace loadgen
