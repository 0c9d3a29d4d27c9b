// The server at the far end of a tunnel. The first byte of a connection selects what it does:
//
//     'E'             echoes everything that follows
//     'U' blocks      sink; after the last block it answers with 8 bytes: how many it received
//     'D' u32 millis  source: blocks for that long

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "bench/macro/loadgen/block_stream.h"
#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"

namespace loadgen {
namespace {

constexpr size_t kPumpBudget =
    1 << 20;  // Bytes written to one connection before the next is served.

struct ServedConnection {
  int fd = -1;
  char task = 0;
  std::array<char, 4> duration{};
  size_t duration_size = 0;
  BlockReader reader;
  BlockWriter writer;
  int64_t deadline = 0;
  std::string output;  // An echo or answer that is not sent yet.
  uint32_t events = EPOLLIN;
};

class Server {
 public:
  Server(const std::string& host, int port)
      : listener_(ListenOn(host, port)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        buffer_(kIoBufferSize) {
    SetNonBlocking(listener_);
    epoll_event event{EPOLLIN, {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  }

  void Run() {
    std::array<epoll_event, 256> events;
    while (!StopWanted()) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        auto* connection = static_cast<ServedConnection*>(event.data.ptr);
        if (connection == nullptr) {
          AcceptAll();
        } else if (!Handle(*connection, event.events)) {
          close(connection->fd);
          delete connection;
        }
      }
    }
  }

 private:
  void AcceptAll() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      SetNoDelay(fd);
      auto* connection = new ServedConnection;
      connection->fd = fd;
      epoll_event event{EPOLLIN, {.ptr = connection}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }

  void Want(ServedConnection& connection, uint32_t events) {
    if (events == connection.events) return;
    connection.events = events;
    epoll_event event{events, {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  bool Flush(ServedConnection& connection) {
    std::string& output = connection.output;
    while (!output.empty()) {
      const ssize_t sent = send(connection.fd, output.data(), output.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return false;
        Want(connection, EPOLLOUT);
        return true;
      }
      output.erase(0, static_cast<size_t>(sent));
    }
    Want(connection, EPOLLIN);
    return true;
  }

  // Handle returns false when the connection is over.
  bool Handle(ServedConnection& connection, uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return false;
    if (connection.deadline != 0) return Produce(connection);
    if ((events & EPOLLOUT) != 0) return Flush(connection);
    const ssize_t received = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (received == 0) return false;
    if (received < 0) return errno == EAGAIN;
    const char* data = buffer_.data();
    auto size = static_cast<size_t>(received);
    if (connection.task == 0) {
      connection.task = *data++;
      --size;
    }
    return Take(connection, data, size);
  }

  bool Produce(ServedConnection& connection) {
    const bool ending = NowNs() >= connection.deadline;
    if (!connection.writer.Pump(connection.fd, blocks_, ending, kPumpBudget)) return false;
    if (connection.writer.done()) {
      connection.deadline = 0;
      Want(connection, EPOLLIN);
    }
    return true;
  }

  bool Take(ServedConnection& connection, const char* data, size_t size) {
    switch (connection.task) {
      case 'E':
        connection.output.append(data, size);
        return Flush(connection);
      case 'U': {
        connection.reader.Feed(data, size);
        if (!connection.reader.done()) return true;
        const uint64_t bytes = connection.reader.bytes();
        connection.output.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
        return Flush(connection);
      }
      case 'D':
        for (; size > 0 && connection.duration_size < connection.duration.size(); --size) {
          connection.duration[connection.duration_size++] = *data++;
        }
        if (connection.duration_size == connection.duration.size()) {
          uint32_t milliseconds;
          memcpy(&milliseconds, connection.duration.data(), sizeof milliseconds);
          connection.deadline = NowNs() + milliseconds * int64_t{1'000'000};
          Want(connection, EPOLLOUT);
        }
        return true;
      default:
        return false;
    }
  }

  int listener_, epoll_;
  std::vector<char> buffer_;
  Blocks blocks_;
};

}  // namespace

int Serve(const Arguments& arguments) {
  RaiseDescriptorLimit();
  Server(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0)).Run();
  return 0;
}

}  // namespace loadgen
