// PosixLoop's half for kFiles: pipes, terminals and whatever else is read and written in order.
//
// A descriptor in the non-blocking mode is tried first and awaited when it would block. One in the
// blocking mode is awaited first, and then tried once: its mode may be shared with other processes,
// so that changing it is not ours to do.

#include <cerrno>
#include <utility>

#include "engine/loop/descriptor.h"
#include "engine/loop/io_error.h"
#include "engine/loop/posix_loop.h"

namespace engine {

void PosixLoop::FileIsReady(Op& op) {
  if (op.kind == OpKind::kReceive) {
    static_cast<ReceiveOp&>(op).state.readable = true;
  } else {
    static_cast<SendOp&>(op).state.writable = true;
  }
  MakeReady(op);
}

void PosixLoop::TryFile(ReceiveOp& op) {
  auto& state = op.state;
  if (!state.readable && !IsNonBlocking(op.socket)) return AwaitFile(op);
  BufferRef block = buffers().Take();
  if (block.empty()) {
    if (!state.readable) return AwaitFile(op);  // Perhaps nothing is there to be read.
    return Complete(op, Received{IoError::kNoBuffers, false, {}});
  }
  const IoResult result = ReadFile(op.socket, block.bytes());
  const bool full = result.size == block.size();
  block.KeepFirst(result.size);
  if (result.interrupted()) return MakeReady(op);
  state.readable = false;
  if (result.would_block()) return AwaitFile(op);
  if (!result.ok() || result.size == 0) {
    const bool hung_up = result.error_number == EIO && IsTerminalMaster(op.socket);
    const bool end = result.ok() || hung_up;
    const IoError error = end ? IoError::kEndOfStream : IoErrorOf(result.error_number);
    return Complete(op, Received{error, false, {}});
  }
  if (!state.repeat) return Complete(op, Received{IoError::kNone, false, std::move(block)});
  full ? MakeReady(op) : AwaitFile(op);
  Complete(op, Received{IoError::kNone, true, std::move(block)});
}

void PosixLoop::TryFile(SendOp& op) {
  auto& state = op.state;
  if (!state.writable && !IsNonBlocking(op.socket)) return AwaitFile(op);
  const IoResult result = WriteFile(op.socket, op.state.Left());
  if (result.interrupted()) return MakeReady(op);
  state.writable = false;
  if (result.would_block()) return AwaitFile(op);
  if (!result.ok()) {
    return Complete(op, Sent{IoErrorOf(result.error_number), false, state.sent});
  }
  if (!op.state.Advance(result.size)) return MakeReady(op);
  Complete(op, Sent{IoError::kNone, false, state.sent});
}

}  // namespace engine
