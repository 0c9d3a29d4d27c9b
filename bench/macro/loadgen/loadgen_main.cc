// loadgen: load generator and measuring tool for TCP tunnels. One mode per question; see README.md.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string_view>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"

namespace loadgen {

int FreePorts(const Arguments& arguments) {
  std::vector<int> fds;
  for (int i = 0; i < arguments.Integer("count", 1); ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = AddressOf("127.0.0.1", 0);
    socklen_t size = sizeof address;
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      Die("no free port");
    }
    std::printf("%d\n", ntohs(address.sin_port));
    fds.push_back(fd);
  }
  for (const int fd : fds) close(fd);
  return 0;
}

}  // namespace loadgen

int main(int argc, char** argv) {
  using loadgen::Arguments;
  loadgen::ListenForStop();
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::map<std::string_view, int (*)(const Arguments&)> modes = {
      {"serve", loadgen::Serve},         {"bulk", loadgen::Bulk},
      {"pingpong", loadgen::PingPong},   {"connrate", loadgen::ConnectionRate},
      {"idle", loadgen::Idle},           {"startup", loadgen::Startup},
      {"firstbyte", loadgen::FirstByte}, {"ptyecho", loadgen::TerminalEcho},
      {"proc", loadgen::ProcessFigures}, {"wan", loadgen::SlowLink},
      {"relay", loadgen::PlainRelay},    {"port", loadgen::FreePorts}};
  const auto mode = argc > 1 ? modes.find(argv[1]) : modes.end();
  if (mode == modes.end()) {
    std::fprintf(stderr, "usage: loadgen MODE [--option value]... [-- command...]\nmodes:");
    for (const auto& [name, unused] : modes) std::fprintf(stderr, " %s", name.data());
    std::fputc('\n', stderr);
    return 2;
  }
  return mode->second(Arguments(argc, argv));
}
