// How long a client takes to start: until the first byte comes back through its port (Startup), or
// until its first byte on standard output (FirstByte).

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"
#include "bench/macro/loadgen/started_command.h"

namespace loadgen {
namespace {

double MillisecondsSince(int64_t start) { return static_cast<double>(NowNs() - start) / 1e6; }

}  // namespace

int Startup(const Arguments& arguments) {
  if (!arguments.has_command()) Die("startup needs -- command");
  const sockaddr_in address =
      AddressOf(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0));
  const double timeout_ms = arguments.Number("timeout", 15) * 1000;
  const int64_t start = NowNs();
  double listens_ms = -1, byte_ms = -1;
  const pid_t pid = StartCommand(arguments.command(), -1);
  while (byte_ms < 0 && MillisecondsSince(start) < timeout_ms) {
    const int fd = TryConnect(address);
    if (fd >= 0) {
      if (listens_ms < 0) listens_ms = MillisecondsSince(start);
      SetTimeout(fd, 2);
      char echo;
      if (SendAll(fd, "Ex", 2) && ReceiveAll(fd, &echo, 1)) byte_ms = MillisecondsSince(start);
      close(fd);
    }
    if (byte_ms < 0) SleepMicroseconds(500);
  }
  EndCommand(pid);
  std::printf("{\"mode\":\"startup\",\"ok\":%s,\"listen_ms\":%.2f,\"first_byte_ms\":%.2f}\n",
              byte_ms >= 0 ? "true" : "false", listens_ms, byte_ms);
  return byte_ms >= 0 ? 0 : 1;
}

int FirstByte(const Arguments& arguments) {
  if (!arguments.has_command()) Die("firstbyte needs -- command");
  std::array<int, 2> pipe;
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) Die(std::string("pipe: ") + strerror(errno));
  const int64_t start = NowNs();
  const pid_t pid = StartCommand(arguments.command(), pipe[1]);
  close(pipe[1]);
  pollfd output{pipe[0], POLLIN, 0};
  char byte;
  const int timeout_ms = static_cast<int>(arguments.Number("timeout", 15) * 1000);
  const bool ok = poll(&output, 1, timeout_ms) > 0 && read(pipe[0], &byte, 1) == 1;
  const double first_ms = MillisecondsSince(start);
  if (ok) {
    waitpid(pid, nullptr, 0);
  } else {
    EndCommand(pid);
  }
  std::printf("{\"mode\":\"firstbyte\",\"ok\":%s,\"first_byte_ms\":%.2f,\"exit_ms\":%.2f}\n",
              ok ? "true" : "false", first_ms, MillisecondsSince(start));
  return ok ? 0 : 1;
}

}  // namespace loadgen
