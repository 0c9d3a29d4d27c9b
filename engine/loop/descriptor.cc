#include "engine/loop/descriptor.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace engine {
namespace {

// What a pipe that is ready takes at once for sure: POSIX promises that so many bytes are written
// whole, and Linux reports a pipe as ready when a page is free.
constexpr size_t kPipeWriteMax = PIPE_BUF;

// What a terminal that is ready takes at once. Linux reports it as ready when there is any room, in
// a buffer of 64 KiB that its reader empties, so that little is the safest.
constexpr size_t kTerminalWriteMax = 1024;

int Descriptor(Socket socket) { return static_cast<int>(socket.handle); }

IoResult ResultOf(ssize_t returned) {
  if (returned < 0) return {.size = 0, .error_number = errno};
  return {.size = static_cast<size_t>(returned), .error_number = 0};
}

// BlockingWriteMax is how much of a write a descriptor in the blocking mode takes without waiting.
size_t BlockingWriteMax(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return kTerminalWriteMax;
  if (S_ISREG(status.st_mode)) return SSIZE_MAX;
  if (S_ISCHR(status.st_mode)) return ::isatty(descriptor) == 1 ? kTerminalWriteMax : SSIZE_MAX;
  return kPipeWriteMax;
}

}  // namespace

bool IoResult::would_block() const { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

bool IoResult::interrupted() const { return error_number == EINTR; }

IoResult ReceiveNow(Socket socket, std::span<std::byte> block) {
  return ResultOf(::recv(Descriptor(socket), block.data(), block.size(), MSG_DONTWAIT));
}

IoResult SendNow(Socket socket, std::span<const iovec> slices) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (slices.size() == 1) {
    const iovec slice = slices.front();
    return ResultOf(::send(Descriptor(socket), slice.iov_base, slice.iov_len, kFlags));
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(slices.data());
  message.msg_iovlen = slices.size();
  return ResultOf(::sendmsg(Descriptor(socket), &message, kFlags));
}

IoResult ReceiveAllNow(Socket socket, std::span<const iovec> blocks) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(blocks.data());
  message.msg_iovlen = blocks.size();
  return ResultOf(::recvmsg(Descriptor(socket), &message, MSG_DONTWAIT));
}

size_t BytesWaiting(Socket socket) {
  int size = 0;
  if (::ioctl(Descriptor(socket), FIONREAD, &size) != 0) return 0;
  return size > 0 ? static_cast<size_t>(size) : 0;
}

IoResult PeekNow(Socket socket, std::span<std::byte> block) {
  return ResultOf(::recv(Descriptor(socket), block.data(), block.size(), MSG_DONTWAIT | MSG_PEEK));
}

IoResult DiscardNow(Socket socket, std::span<std::byte> block) {
  // A TCP socket copies nothing with MSG_TRUNC; others ignore it.
  return ResultOf(::recv(Descriptor(socket), block.data(), block.size(), MSG_DONTWAIT | MSG_TRUNC));
}

IoResult SpliceIn(Socket socket, int pipe_write, size_t size_max) {
  constexpr unsigned kFlags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
  return ResultOf(::splice(Descriptor(socket), nullptr, pipe_write, nullptr, size_max, kFlags));
}

IoResult SpliceOut(int pipe_read, Socket socket, size_t size) {
  constexpr unsigned kFlags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
  return ResultOf(::splice(pipe_read, nullptr, Descriptor(socket), nullptr, size, kFlags));
}

IoResult ReadFile(Socket file, std::span<std::byte> block) {
  return ResultOf(::read(Descriptor(file), block.data(), block.size()));
}

IoResult WriteFile(Socket file, std::span<const iovec> slices) {
  CHECK(slices.size() <= kSendSlicesMax);
  const int descriptor = Descriptor(file);
  std::array<iovec, kSendSlicesMax> taken;
  size_t room = IsNonBlocking(file) ? SSIZE_MAX : BlockingWriteMax(descriptor);
  size_t count = 0;
  for (const iovec& slice : slices) {
    if (room == 0) break;
    taken[count] = slice;
    taken[count].iov_len = std::min(slice.iov_len, room);
    room -= taken[count++].iov_len;
  }
  return ResultOf(::writev(descriptor, taken.data(), static_cast<int>(count)));
}

bool IsNonBlocking(Socket socket) {
  const int flags = ::fcntl(Descriptor(socket), F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

bool IsTerminalMaster(Socket file) {
  unsigned number = 0;
  return ::ioctl(Descriptor(file), TIOCGPTN, &number) == 0;
}

}  // namespace engine
