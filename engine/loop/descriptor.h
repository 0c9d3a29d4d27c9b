// System calls on descriptors that every POSIX backend makes in the same way.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "engine/loop/op.h"

namespace engine {

// IoResult is how one system call ended: `size` bytes, or an errno value that is not zero.
struct IoResult {
  size_t size = 0;
  int error_number = 0;
  bool ok() const { return error_number == 0; }
  bool would_block() const;
  bool interrupted() const;
};

// ReceiveNow and SendNow move what a socket can take without waiting, whatever its blocking mode.
IoResult ReceiveNow(Socket socket, std::span<std::byte> block);
IoResult SendNow(Socket socket, std::span<const iovec> slices);

// ReceiveAllNow fills the blocks in turn.
IoResult ReceiveAllNow(Socket socket, std::span<const iovec> blocks);

// BytesWaiting returns how many bytes lie ready to be read. An end and an error are none, and stay.
size_t BytesWaiting(Socket socket);

// PeekNow copies what a socket has to be read, at most a block, and leaves it there; DiscardNow
// then takes out the first `size` bytes of it, for which it may use the block.
IoResult PeekNow(Socket socket, std::span<std::byte> block);
IoResult DiscardNow(Socket socket, std::span<std::byte> block);

// SpliceIn moves bytes of a socket into a pipe, and SpliceOut from a pipe into a socket, as
// references to the kernel's memory. Requires: the socket is in the non-blocking mode. To SpliceIn,
// an urgent byte looks like the end of the stream or like nothing to be read: PeekNow() tells.
IoResult SpliceIn(Socket socket, int pipe_write, size_t size_max);
IoResult SpliceOut(int pipe_read, Socket socket, size_t size);

// ReadFile and WriteFile do the same for a kFile. In the non-blocking mode they never wait; in the
// blocking mode they do not wait when poll(2) has just said that the file is ready, because
// WriteFile then takes no more than fits for sure.
IoResult ReadFile(Socket file, std::span<std::byte> block);
IoResult WriteFile(Socket file, std::span<const iovec> slices);

// IsNonBlocking says in which mode the descriptor is.
bool IsNonBlocking(Socket socket);

// IsTerminalMaster is true for the controlling side of a pseudo-terminal, on which EIO means that
// the other side was closed.
bool IsTerminalMaster(Socket file);

}  // namespace engine
