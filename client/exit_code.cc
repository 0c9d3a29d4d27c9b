#include "client/exit_code.h"

#include <csignal>

namespace client {
namespace {

struct Named {
  std::string_view name;
  int number;
};

// Every signal that can end a program on Linux; the numbers are this machine's.
constexpr Named kSignals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT},   {"ILL", SIGILL},
    {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},     {"BUS", SIGBUS},     {"FPE", SIGFPE},
    {"KILL", SIGKILL}, {"USR1", SIGUSR1},     {"SEGV", SIGSEGV},   {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},     {"TERM", SIGTERM},   {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},   {"SYS", SIGSYS},
    {"CHLD", SIGCHLD}, {"CONT", SIGCONT},     {"STOP", SIGSTOP},   {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"WINCH", SIGWINCH},
};

}  // namespace

int SignalNumber(std::string_view name) {
  for (const Named& signal : kSignals) {
    if (signal.name == name) return signal.number;
  }
  return 0;
}

std::string_view SignalName(int number) {
  for (const Named& signal : kSignals) {
    if (signal.number == number) return signal.name;
  }
  return {};
}

int ExitCodeOf(const engine::Exit& exit) {
  if (exit.signal.empty()) return exit.status;
  const int number = SignalNumber(exit.signal);
  return number == 0 ? kOwnFailure : 128 + number;
}

}  // namespace client
