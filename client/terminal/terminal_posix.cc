#include "client/terminal/terminal_posix.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "client/say.h"
#include "client/terminal/link_notice.h"
#include "engine/base/check.h"

namespace client {
namespace {

// What a signal handler needs. `saved_descriptor` is written last and cleared first, so that a
// handler that sees it also sees the rest.
std::atomic<int> saved_descriptor{-1};
termios saved_settings;

constexpr std::array kDeadlySignals = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT,
                                       SIGSEGV, SIGBUS, SIGFPE, SIGILL};
std::array<struct sigaction, kDeadlySignals.size()> previous_actions;

void RestoreSaved() {
  const int descriptor = saved_descriptor.exchange(-1);
  if (descriptor < 0) return;
  // A job in the background would be stopped by its own tcsetattr or write; the terminal belongs to
  // another job then, which is the very reason not to stop.
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGTTOU, &ignore, &before);
  GiveTitleBack();
  while (::tcsetattr(descriptor, TCSANOW, &saved_settings) != 0 && errno == EINTR) {
  }
  ::sigaction(SIGTTOU, &before, nullptr);
}

void RestoreAtExit() { RestoreSaved(); }

void RestoreOnSignal(int number) {
  const int saved_errno = errno;
  RestoreSaved();
  // The handler was installed with SA_RESETHAND: raised again, the signal has its default effect as
  // soon as this returns and it is unblocked.
  ::raise(number);
  errno = saved_errno;
}

void InstallHandlers() {
  for (size_t i = 0; i < kDeadlySignals.size(); ++i) {
    ::sigaction(kDeadlySignals[i], nullptr, &previous_actions[i]);
    if (previous_actions[i].sa_handler == SIG_IGN) continue;  // As under nohup: leave it.
    struct sigaction action {};
    action.sa_handler = RestoreOnSignal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigemptyset(&action.sa_mask);
    ::sigaction(kDeadlySignals[i], &action, nullptr);
  }
}

void RemoveHandlers() {
  for (size_t i = 0; i < kDeadlySignals.size(); ++i) {
    ::sigaction(kDeadlySignals[i], &previous_actions[i], nullptr);
  }
}

termios RawOf(termios settings) {
  // As ssh: every byte goes to the node as typed, and what the node prints is left as it is.
  settings.c_iflag |= IGNPAR;
  settings.c_iflag &= ~static_cast<tcflag_t>(ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXANY | IXOFF |
                                             BRKINT | PARMRK | IUCLC);
  settings.c_lflag &=
      ~static_cast<tcflag_t>(ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHONL | IEXTEN);
  settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  settings.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  settings.c_cflag |= CS8;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  return settings;
}

}  // namespace

RawTerminal::RawTerminal(int descriptor, bool has_title)
    : descriptor_(descriptor), has_title_(has_title) {
  CHECK(saved_descriptor.load() < 0);
  static const bool registered = std::atexit(RestoreAtExit) == 0;
  CHECK(registered);
  if (!Enter()) return;
  InstallHandlers();
  active_ = true;
}

RawTerminal::~RawTerminal() { Restore(); }

bool RawTerminal::Enter() {
  if (::tcgetattr(descriptor_, &saved_settings) != 0) return false;
  saved_descriptor.store(descriptor_);
  const termios raw = RawOf(saved_settings);
  // TCSADRAIN: what was typed ahead is kept for the node.
  if (::tcsetattr(descriptor_, TCSADRAIN, &raw) != 0) {
    saved_descriptor.store(-1);
    return false;
  }
  SetSayRaw(true);
  UseTitle(has_title_);
  return true;
}

void RawTerminal::Restore() {
  if (!active_) return;
  active_ = false;
  RestoreSaved();
  RemoveHandlers();
  SetSayRaw(false);
  UseTitle(false);
}

void RawTerminal::Suspend() {
  if (!active_) return;
  RestoreSaved();
  SetSayRaw(false);
  UseTitle(false);
  ::kill(0, SIGTSTP);  // The job, as a shell pipeline expects; returns when it is continued.
  Enter();
}

void RawTerminal::Reenter() {
  if (!active_ || saved_descriptor.load() < 0) return;
  const termios raw = RawOf(saved_settings);
  ::tcsetattr(descriptor_, TCSADRAIN, &raw);
}

engine::TerminalSize TerminalSizeOf(int descriptor, engine::TerminalSize fallback) {
  winsize window{};
  if (::ioctl(descriptor, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) {
    return fallback;
  }
  return {.columns = std::min(window.ws_col, engine::kTerminalCellsMax),
          .rows = std::min(window.ws_row, engine::kTerminalCellsMax)};
}

std::string TerminalName(const Environment& environment) {
  return environment("TERM").value_or("xterm-256color");
}

bool HasTitle(std::string_view terminal_name) {
  constexpr std::array<std::string_view, 12> kFamilies = {
      "xterm", "rxvt",    "screen",  "tmux",    "alacritty", "foot",
      "kitty", "wezterm", "ghostty", "konsole", "gnome",     "vte"};
  return std::ranges::any_of(
      kFamilies, [&](std::string_view family) { return terminal_name.starts_with(family); });
}

}  // namespace client
