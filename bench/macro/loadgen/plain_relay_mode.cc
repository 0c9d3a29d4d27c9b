// The cheapest TCP relay we know how to write: two threads a connection, blocking calls. It copies,
// moves bytes with splice(2), seals what comes from its own side and opens what comes back, or the
// reverse (--how copy, splice, seal, open). It listens on --host and --port and dials --to-host and
// --to. A lower bound for the work per byte, not a design for many connections.

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"
#include "bench/macro/loadgen/sealed_relay.h"

namespace loadgen {
namespace {

void Copy(int from, int to, size_t size) {
  std::vector<char> buffer(size);
  for (;;) {
    const ssize_t received = recv(from, buffer.data(), buffer.size(), 0);
    if (received <= 0 || !SendAll(to, buffer.data(), static_cast<size_t>(received))) return;
  }
}

// MoveOut returns false when not all of the pipe's bytes could be sent.
bool MoveOut(int pipe, int to, ssize_t left) {
  while (left > 0) {
    const ssize_t moved =
        splice(pipe, nullptr, to, nullptr, static_cast<size_t>(left), SPLICE_F_MOVE);
    if (moved <= 0) return false;
    left -= moved;
  }
  return true;
}

void Splice(int from, int to, size_t size) {
  std::array<int, 2> pipe;
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return;
  fcntl(pipe[1], F_SETPIPE_SZ, static_cast<int>(size));
  for (;;) {
    const ssize_t moved = splice(from, nullptr, pipe[1], nullptr, size, SPLICE_F_MOVE);
    if (moved <= 0 || !MoveOut(pipe[0], to, moved)) break;
  }
  close(pipe[0]);
  close(pipe[1]);
}

// Ways are what a relay does with the bytes of whom it accepted, and with those of whom it dialled.
struct Ways {
  using Move = void (*)(int from, int to, size_t size);
  Move forth;
  Move back;
};

Ways WaysOf(const std::string& how) {
  if (how == "splice") return {Splice, Splice};
  if (how == "copy") return {Copy, Copy};
  if (how == "seal") return {Seal, Open};
  if (how == "open") return {Open, Seal};
  Die("--how is copy, splice, seal or open");
}

}  // namespace

int PlainRelay(const Arguments& arguments) {
  RaiseDescriptorLimit();
  const Ways ways = WaysOf(arguments.Text("how", "splice"));
  const auto size = static_cast<size_t>(arguments.Integer("kb", 256)) * 1024;
  const sockaddr_in address =
      AddressOf(arguments.Text("to-host", "127.0.0.1"), arguments.Integer("to", 0));
  const int listener = ListenOn(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0));
  const auto close_both = [](std::array<int, 2>* pair) {
    close((*pair)[0]);
    close((*pair)[1]);
    delete pair;
  };
  while (!StopWanted()) {
    pollfd incoming{listener, POLLIN, 0};
    if (poll(&incoming, 1, 500) <= 0) continue;
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = TryConnect(address);
    if (server < 0) {
      close(client);
      continue;
    }
    SetNoDelay(client);
    const std::shared_ptr<std::array<int, 2>> pair(new std::array<int, 2>{client, server},
                                                   close_both);
    const auto pump = [=](Ways::Move move, size_t from, size_t to) {
      move((*pair)[from], (*pair)[to], size);
      shutdown((*pair)[to], SHUT_WR);
    };
    std::thread(pump, ways.forth, 0, 1).detach();
    std::thread(pump, ways.back, 1, 0).detach();
  }
  return 0;
}

}  // namespace loadgen
