// PosixLoop's calls that make, change and describe sockets.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/loop/io_error.h"
#include "engine/loop/posix_loop.h"
#include "engine/loop/socket_options.h"

namespace engine {
namespace {

int Descriptor(Socket socket) { return static_cast<int>(socket.handle); }

// Both backends work with sockets in either mode; all of ours are in the non-blocking one, so that
// a mistake shows as an error and not as a loop that stands still.
int NewSocket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

}  // namespace

Opened PosixLoop::OpenStream(int family) {
  const int descriptor = NewSocket(family);
  if (descriptor < 0) return {IoErrorOf(errno), {}};
  const Socket socket{descriptor, SocketKind::kSocket};
  Welcome(socket);
  return {IoError::kNone, socket};
}

Opened PosixLoop::Listen(const Address& local, int backlog) {
  const int descriptor = NewSocket(local.family());
  if (descriptor < 0) return {IoErrorOf(errno), {}};
  const int yes = 1;
  if (local.family() != AF_UNIX) {
    // Without it a restarted relay could not have its port back for a minute.
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  }
  if (::bind(descriptor, local.raw(), local.raw_size()) != 0 ||
      ::listen(descriptor, backlog) != 0) {
    const int error_number = errno;
    ::close(descriptor);
    return {IoErrorOf(error_number), {}};
  }
  const Socket socket{descriptor, SocketKind::kSocket};
  Welcome(socket);
  return {IoError::kNone, socket};
}

Socket PosixLoop::Adopt(int descriptor) {
  struct stat status {};
  CHECK(::fstat(descriptor, &status) == 0);
  Socket socket{descriptor, SocketKind::kFile};
  if (S_ISSOCK(status.st_mode)) {
    socket.kind = SocketKind::kSocket;
    // Receiving and sending can be told not to wait by a flag; accept(2) cannot.
    int listening = 0;
    socklen_t size = sizeof listening;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    if (listening != 0) ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  }
  Welcome(socket);
  return socket;
}

IoError PosixLoop::Shutdown(Socket socket, ShutdownSide side) {
  CHECK(socket.kind == SocketKind::kSocket);
  int how = SHUT_RDWR;
  if (side == ShutdownSide::kReceive) how = SHUT_RD;
  if (side == ShutdownSide::kSend) how = SHUT_WR;
  return ::shutdown(Descriptor(socket), how) == 0 ? IoError::kNone : IoErrorOf(errno);
}

void PosixLoop::SetOptions(Socket socket, const SocketOptions& options) {
  ApplySocketOptions(socket, options);
}

Address PosixLoop::LocalAddress(Socket socket) const {
  sockaddr_storage raw{};
  socklen_t size = sizeof raw;
  if (::getsockname(Descriptor(socket), reinterpret_cast<sockaddr*>(&raw), &size) != 0) return {};
  return Address::FromKernel(reinterpret_cast<sockaddr*>(&raw), size);
}

Address PosixLoop::PeerAddress(Socket socket) const {
  sockaddr_storage raw{};
  socklen_t size = sizeof raw;
  if (::getpeername(Descriptor(socket), reinterpret_cast<sockaddr*>(&raw), &size) != 0) return {};
  return Address::FromKernel(reinterpret_cast<sockaddr*>(&raw), size);
}

}  // namespace engine
