#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/process/pty.h"

namespace agent {
namespace {

absl::Status Failure(const char* step) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the node could not make a terminal: ", step, ": ", std::strerror(errno)));
}

winsize KernelSize(engine::TerminalSize size) {
  winsize out{};
  out.ws_col = size.columns;
  out.ws_row = size.rows;
  return out;
}

}  // namespace

absl::StatusOr<Pty> OpenPty(engine::TerminalSize size) {
  Pty pty;
  pty.master = Descriptor(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pty.master.valid()) return Failure("posix_openpt");
  if (::grantpt(pty.master.value()) != 0) return Failure("grantpt");
  if (::unlockpt(pty.master.value()) != 0) return Failure("unlockpt");
  char path[64];
  if (::ptsname_r(pty.master.value(), path, sizeof path) != 0) return Failure("ptsname");
  pty.slave = Descriptor(::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pty.slave.valid()) return Failure(path);

  const winsize kernel_size = KernelSize(size);
  if (::ioctl(pty.slave.value(), TIOCSWINSZ, &kernel_size) != 0) return Failure("TIOCSWINSZ");
  termios modes{};
  if (::tcgetattr(pty.slave.value(), &modes) != 0) return Failure("tcgetattr");
  modes.c_iflag |= IUTF8;  // Erase takes a whole character back, not one byte of it.
  if (::tcsetattr(pty.slave.value(), TCSANOW, &modes) != 0) return Failure("tcsetattr");
  return pty;
}

void ResizePty(int master, engine::TerminalSize size) {
  const winsize kernel_size = KernelSize(size);
  ::ioctl(master, TIOCSWINSZ, &kernel_size);
}

pid_t PtyForeground(int master) {
  const pid_t group = ::tcgetpgrp(master);
  return group > 1 ? group : 0;
}

char PtyEndOfInput(int master) {
  termios modes{};
  if (::tcgetattr(master, &modes) != 0) return '\x04';
  const cc_t byte = modes.c_cc[VEOF];
  return byte == static_cast<cc_t>(_POSIX_VDISABLE) ? '\0' : static_cast<char>(byte);
}

void PtyType(int master, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(master, text.data(), text.size());
    if (size <= 0) return;
    text.remove_prefix(static_cast<size_t>(size));
  }
}

void PtyTypeEndOfInput(int master) {
  const char end = PtyEndOfInput(master);
  pollfd room{.fd = master, .events = POLLOUT, .revents = 0};
  if (end == '\0' || ::poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(master, &end, 1);
}

}  // namespace agent
