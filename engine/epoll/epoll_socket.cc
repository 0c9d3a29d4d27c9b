// EpollLoop's half for sockets: one try of each kind of op.

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "engine/epoll/epoll_loop.h"
#include "engine/loop/descriptor.h"
#include "engine/loop/io_error.h"

namespace engine {
namespace {

// How often one op is tried in one iteration before others have their turn.
constexpr int kTriesMax = 4;

int Descriptor(Socket socket) { return static_cast<int>(socket.handle); }

int TakeError(Socket socket) {
  int error_number = 0;
  socklen_t size = sizeof error_number;
  if (::getsockopt(Descriptor(socket), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) {
    return errno;
  }
  return error_number;
}

}  // namespace

void EpollLoop::Accept(AcceptOp& op, Socket listener) {
  CHECK(listener.valid());
  Begin(op);
  op.socket = listener;
  Start(op);
}

void EpollLoop::Connect(ConnectOp& op, Socket socket, const Address& peer) {
  CHECK(socket.valid());
  Begin(op);
  op.socket = socket;
  op.state.peer = peer;
  op.state.started = false;
  MakeReady(op);
}

void EpollLoop::Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) {
  PrepareReceive(op, socket, mode);
  socket.kind == SocketKind::kFile ? MakeReady(op) : Start(op);
}

void EpollLoop::Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) {
  PrepareSend(op, socket, slices, mode);
  socket.kind == SocketKind::kFile ? MakeReady(op) : Start(op);
}

void EpollLoop::TrySocket(Op& op) {
  if (op.socket.handle >= static_cast<intptr_t>(kDescriptorsMax))
    return FailNow(op, IoError::kExhausted);
  switch (op.kind) {
    case OpKind::kAccept:
      return Try(static_cast<AcceptOp&>(op));
    case OpKind::kConnect:
      return Try(static_cast<ConnectOp&>(op));
    case OpKind::kReceive:
      return Try(static_cast<ReceiveOp&>(op));
    case OpKind::kSend:
      return Try(static_cast<SendOp&>(op));
    case OpKind::kForward:
    case OpKind::kTimer:
    case OpKind::kClose:
      break;
  }
  CHECK(false);
}

void EpollLoop::Try(AcceptOp& op) {
  for (int i = 0; i < kTriesMax; ++i) {
    const int descriptor =
        ::accept4(Descriptor(op.socket), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0 && errno == EAGAIN) return Await(op);
    if (descriptor < 0 && (errno == EINTR || WasGoneBeforeAccept(errno))) continue;
    if (descriptor < 0) return FailNow(op, IoErrorOf(errno));
    const Socket socket{descriptor, SocketKind::kSocket};
    Welcome(socket);
    Complete(op, Accepted{IoError::kNone, true, socket});
    if (CancelRequested(op)) break;
  }
  MakeReady(op);
}

void EpollLoop::Try(ConnectOp& op) {
  const Address& peer = op.state.peer;
  if (std::exchange(op.state.started, true)) {
    const int error_number = TakeError(op.socket);
    if (error_number != 0) return Complete(op, Connected{IoErrorOf(error_number)});
    sockaddr_storage raw;
    socklen_t size = sizeof raw;
    const bool connected =
        ::getpeername(Descriptor(op.socket), reinterpret_cast<sockaddr*>(&raw), &size) == 0;
    return connected ? Complete(op, Connected{IoError::kNone}) : Await(op);
  }
  if (::connect(Descriptor(op.socket), peer.raw(), peer.raw_size()) == 0) {
    return Complete(op, Connected{IoError::kNone});
  }
  if (errno == EINPROGRESS || errno == EINTR) return Await(op);
  Complete(op, Connected{IoErrorOf(errno)});
}

void EpollLoop::Try(ReceiveOp& op) {
  const Watch& watch = WatchOf(op);
  for (int i = 0; i < kTriesMax; ++i) {
    BufferRef block = buffers().Take();
    if (block.empty()) return OnReadableWithoutBuffers(op);
    const IoResult result = ReceiveNow(op.socket, block.bytes());
    if (result.interrupted()) continue;
    const bool full = result.size == block.size();
    block.KeepFirst(result.size);
    if (result.would_block()) {
      block = {};
      return Await(op);
    }
    if (!result.ok() || result.size == 0) {
      const IoError error = result.ok() ? IoError::kEndOfStream : IoErrorOf(result.error_number);
      block = {};
      return Complete(op, Received{error, false, {}});
    }
    // A read that did not fill its block has emptied the socket, and the next bytes make an edge.
    // Not so when the end is there, too, whose edge has come already, or an urgent byte, at which a
    // read stops.
    const bool drained = !full && watch.registered && !watch.more_than_bytes;
    if (!op.state.repeat) {
      if (drained) WatchOf(op).maybe_readable = false;
      return CompleteReceive(op, std::move(block));
    }
    if (drained) {
      Await(op);
      return Complete(op, Received{IoError::kNone, true, std::move(block)});
    }
    Complete(op, Received{IoError::kNone, true, std::move(block)});
    if (CancelRequested(op)) break;
  }
  MakeReady(op);
}

void EpollLoop::OnReadableWithoutBuffers(ReceiveOp& op) {
  std::byte one;
  const IoResult result = [&]() -> IoResult {
    const ssize_t size = ::recv(Descriptor(op.socket), &one, 1, MSG_DONTWAIT | MSG_PEEK);
    if (size < 0) return {.size = 0, .error_number = errno};
    return {.size = static_cast<size_t>(size), .error_number = 0};
  }();
  if (result.would_block()) return Await(op);
  if (result.interrupted()) return MakeReady(op);
  IoError error = IoError::kNoBuffers;
  if (!result.ok()) error = IoErrorOf(result.error_number);
  if (result.ok() && result.size == 0) error = IoError::kEndOfStream;
  Complete(op, Received{error, false, {}});
}

void EpollLoop::Try(SendOp& op) {
  for (int i = 0; i < kTriesMax; ++i) {
    const IoResult result = SendNow(op.socket, op.state.Left());
    if (result.interrupted()) continue;
    if (result.would_block()) return Await(op);
    if (!result.ok()) {
      return Complete(op, Sent{IoErrorOf(result.error_number), false, op.state.sent});
    }
    if (op.state.Advance(result.size)) {
      return Complete(op, Sent{IoError::kNone, false, op.state.sent});
    }
  }
  MakeReady(op);
}

}  // namespace engine
