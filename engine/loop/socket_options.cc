#include "engine/loop/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace engine {
namespace {

// A failure means that the socket has no such option, or is dying: its next op will tell.
void Set(Socket socket, int level, int name, int value) {
  ::setsockopt(static_cast<int>(socket.handle), level, name, &value, sizeof value);
}

}  // namespace

void ApplySocketOptions(Socket socket, const SocketOptions& options) {
  const auto number = [](uint32_t value) { return static_cast<int>(value); };
  const auto seconds = [](Duration time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
  };
  Set(socket, IPPROTO_TCP, TCP_NODELAY, options.no_delay ? 1 : 0);
  if (options.unsent_max_bytes > 0) {
    Set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, number(options.unsent_max_bytes));
  }
  if (options.keepalive_idle > Duration::zero()) {
    Set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    Set(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds(options.keepalive_idle));
  }
  if (options.keepalive_interval > Duration::zero()) {
    Set(socket, IPPROTO_TCP, TCP_KEEPINTVL, seconds(options.keepalive_interval));
  }
  if (options.keepalive_probes > 0) {
    Set(socket, IPPROTO_TCP, TCP_KEEPCNT, number(options.keepalive_probes));
  }
  if (options.send_buffer_bytes > 0) {
    Set(socket, SOL_SOCKET, SO_SNDBUF, number(options.send_buffer_bytes));
  }
  if (options.receive_buffer_bytes > 0) {
    Set(socket, SOL_SOCKET, SO_RCVBUF, number(options.receive_buffer_bytes));
  }
}

}  // namespace engine
