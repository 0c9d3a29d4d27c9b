#include "client/terminal/terminal_question.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace client {
namespace {

constexpr size_t kLineSizeMax = 4096;
constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

// What the handler of a signal needs to undo SilentTerminal.
int silent_descriptor = -1;
termios shown_settings;
std::array<struct sigaction, kSignals.size()> actions_before;

void ShowAgain(int number) {
  ::tcsetattr(silent_descriptor, TCSANOW, &shown_settings);
  ::raise(number);  // The handler was reset: the signal has its default effect after this.
}

}  // namespace

SilentTerminal::SilentTerminal(int descriptor) {
  if (::tcgetattr(descriptor, &shown_settings) != 0) return;
  silent_descriptor = descriptor;
  struct sigaction action {};
  action.sa_handler = ShowAgain;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &action, &actions_before[i]);
  }
  termios silent = shown_settings;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  silent.c_lflag |= ECHONL;
  ::tcsetattr(descriptor, TCSANOW, &silent);
  active_ = true;
}

SilentTerminal::~SilentTerminal() {
  if (!active_) return;
  ::tcsetattr(silent_descriptor, TCSANOW, &shown_settings);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &actions_before[i], nullptr);
  }
}

absl::StatusOr<std::string> AskTerminal(const std::string& question, Typed typed) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return absl::NotFoundError("there is no terminal to ask on");
  std::string line;
  {
    // Silent before it asks: who answers at once is not shown, either.
    const SilentTerminal silent(typed == Typed::kHidden ? terminal : -1);
    char byte = 0;
    bool is_over = ::write(terminal, question.data(), question.size()) < 0;
    while (!is_over && line.size() < kLineSizeMax) {
      const ssize_t count = ::read(terminal, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      is_over = count <= 0 || byte == '\n';
      if (!is_over && byte != '\r') line += byte;
    }
  }
  ::close(terminal);
  return line;
}

}  // namespace client
