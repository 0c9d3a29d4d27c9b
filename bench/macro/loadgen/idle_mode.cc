// Opens --conns connections one after another, each verified by an echo, and holds them until
// standard input closes, a signal comes or --hold seconds are over; then verifies all of them
// again.

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"

namespace loadgen {
namespace {

constexpr int kFailuresMax = 20;

bool Echoes(int fd, const char* data, size_t size) {
  char echo;
  return SendAll(fd, data, size) && ReceiveAll(fd, &echo, 1);
}

void HoldUntil(int64_t end) {
  while (!StopWanted() && NowNs() < end) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte;
    if (poll(&input, 1, 100) > 0 && read(STDIN_FILENO, &byte, 1) <= 0) return;
  }
}

}  // namespace

int Idle(const Arguments& arguments) {
  RaiseDescriptorLimit();
  const sockaddr_in address =
      AddressOf(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0));
  const int wanted = arguments.Integer("conns", 1000);
  std::vector<int> open;
  int failed = 0;
  const int64_t start = NowNs();
  for (int i = 0; i < wanted && !StopWanted() && failed < kFailuresMax; ++i) {
    const int fd = TryConnect(address);
    if (fd >= 0) SetTimeout(fd, 5);
    if (fd >= 0 && Echoes(fd, "Ex", 2)) {
      open.push_back(fd);
      continue;
    }
    if (fd >= 0) close(fd);
    ++failed;
  }
  std::printf("{\"mode\":\"idle\",\"event\":\"ready\",\"conns\":%zu,\"failed\":%d,\"secs\":%.3f}\n",
              open.size(), failed, static_cast<double>(NowNs() - start) / 1e9);
  HoldUntil(NowNs() + static_cast<int64_t>(arguments.Number("hold", 30) * 1e9));
  int alive = 0;
  for (const int fd : open) {
    if (Echoes(fd, "y", 1)) ++alive;
    close(fd);
  }
  std::printf("{\"mode\":\"idle\",\"event\":\"end\",\"conns\":%zu,\"alive\":%d}\n", open.size(),
              alive);
  return 0;
}

}  // namespace loadgen
