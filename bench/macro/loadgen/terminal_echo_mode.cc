// Runs a command on a terminal and times the echo of typed characters. The command must print READY
// and then echo what is typed, such as `echo READY; cat`.

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"
#include "bench/macro/loadgen/percentiles.h"

namespace loadgen {
namespace {

// None of these occurs in terminal escape sequences.
constexpr std::string_view kKeys = "#%&@~^";
constexpr int kKeysPerLine = 48;

class EchoTerminal {
 public:
  explicit EchoTerminal(const std::vector<char*>& command) {
    const winsize size{24, 80, 0, 0};
    pid_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      execvp(command.front(), command.data());
      _exit(127);
    }
  }
  ~EchoTerminal() {
    kill(pid_, SIGHUP);
    close(fd_);
    SleepMicroseconds(100'000);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  EchoTerminal(const EchoTerminal&) = delete;
  EchoTerminal& operator=(const EchoTerminal&) = delete;

  bool Type(char key) { return write(fd_, &key, 1) == 1; }

  // WaitFor reads until `text` has come since the last Forget; false after `timeout_ms`.
  bool WaitFor(std::string_view text, int timeout_ms) {
    const int64_t end = NowNs() + timeout_ms * int64_t{1'000'000};
    while (seen_.find(text) == std::string::npos) {
      const int64_t left_ms = (end - NowNs()) / 1'000'000;
      if (left_ms <= 0 || !Read(static_cast<int>(left_ms))) return false;
    }
    return true;
  }
  void Forget() { seen_.clear(); }
  void Drain(int quiet_ms) {
    while (Read(quiet_ms)) {
    }
    Forget();
  }

 private:
  bool Read(int timeout_ms) {
    pollfd terminal{fd_, POLLIN, 0};
    if (poll(&terminal, 1, timeout_ms) <= 0) return false;
    std::array<char, 4096> buffer;
    const ssize_t count = read(fd_, buffer.data(), buffer.size());
    if (count <= 0) return false;
    seen_.append(buffer.data(), static_cast<size_t>(count));
    return true;
  }

  int fd_ = -1;
  pid_t pid_ = -1;
  std::string seen_;
};

}  // namespace

int TerminalEcho(const Arguments& arguments) {
  if (!arguments.has_command()) Die("ptyecho needs -- command");
  const int count = arguments.Integer("count", 300);
  const double pause_us = arguments.Number("pause-us", 5000);
  const int64_t start = NowNs();
  std::vector<int64_t> durations;
  bool ok;
  double ready_ms;
  {
    EchoTerminal terminal(arguments.command());
    ok = terminal.WaitFor("READY", 20'000);
    ready_ms = static_cast<double>(NowNs() - start) / 1e6;
    terminal.Drain(400);
    for (int i = 0; ok && i < count; ++i) {
      const char key = kKeys[static_cast<size_t>(i) % kKeys.size()];
      const int64_t typed = NowNs();
      ok = terminal.Type(key) && terminal.WaitFor(std::string_view(&key, 1), 5000);
      if (ok) durations.push_back(NowNs() - typed);
      terminal.Forget();
      SleepMicroseconds(pause_us);
      if (i % kKeysPerLine == kKeysPerLine - 1) {
        ok = ok && terminal.Type('\r');
        terminal.Drain(100);
      }
    }
  }
  std::printf("{\"mode\":\"ptyecho\",\"ok\":%s,\"ready_ms\":%.1f,%s}\n", ok ? "true" : "false",
              ready_ms, PercentilesJson(durations).c_str());
  return ok ? 0 : 1;
}

}  // namespace loadgen
