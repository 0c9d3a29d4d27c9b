// PosixLoop's half for forwards: bytes from one socket to another.
//
//   from --splice--> pipe --splice--> to       references to the kernel's pages; no byte is copied
//   from --peek--> copy space --send--> to     and then what was accepted is discarded at `from`
//
// The second way is for when there is no pipe, or a socket that cannot be spliced. It holds nothing
// between two turns, so that it may be taken for one turn and left again, and needs no memory but
// one space for the whole loop.

#include <algorithm>
#include <cerrno>

#include "engine/loop/descriptor.h"
#include "engine/loop/io_error.h"
#include "engine/loop/posix_loop.h"

namespace engine {

void PosixLoop::Forward(ForwardOp& op, Socket from, Socket to) {
  CHECK(from.valid());
  CHECK(to.valid());
  CHECK(from.kind == SocketKind::kSocket);
  CHECK(to.kind == SocketKind::kSocket);
  Begin(op);
  op.state = {};
  op.state.from = from;
  op.state.to = to;
  op.socket = from;
  // Nothing tells splice(2) not to wait but the mode of the socket.
  op.state.copies = !IsNonBlocking(from) || !IsNonBlocking(to);
  MakeReady(op);
}

void PosixLoop::TryForward(ForwardOp& op) {
  auto& state = op.state;
  uint32_t left = kForwardHeldMax;
  while (left > 0) {
    if (!state.copies && !state.pipe.valid()) state.pipe = pipes_.Take();
    const uint32_t moved = state.pipe.valid() ? SpliceOnce(op, left) : CopyOnce(op, left);
    if (moved == 0) return;
    left -= std::min(moved, left);
  }
  if (state.held == 0) ReturnPipe(op);
  MakeReady(op);
}

uint32_t PosixLoop::SpliceOnce(ForwardOp& op, uint32_t size_max) {
  auto& state = op.state;
  bool drained = false;
  bool short_read = false;
  if (state.held == 0) {
    const IoResult in = SpliceIn(state.from, state.pipe.write, size_max);
    if (in.interrupted()) return AskAgain(op);
    // An urgent byte in its way looks to a splice like nothing to be read, or like the end. Copying
    // tells them apart, and gets past it; it is asked whenever readiness did not mean bytes.
    const bool first = size_max == kForwardHeldMax;
    if (in.would_block() && !first && MayAwait(state.from, true)) return AwaitBytes(op);
    if (in.error_number == EINVAL) state.copies = true;
    if (in.would_block() || state.copies || (in.ok() && in.size == 0)) {
      ReturnPipe(op);
      return CopyOnce(op, size_max);
    }
    if (!in.ok()) return FinishForward(op, IoErrorOf(in.error_number), true);
    state.held = static_cast<uint32_t>(in.size);
    short_read = in.size < size_max;
    // Each slot has taken a byte at least, so that fewer bytes than slots have not filled the pipe.
    drained = short_read && in.size < state.pipe.slots;
  }
  const IoResult out = SpliceOut(state.pipe.read, state.to, state.held);
  if (out.would_block()) return AwaitRoom(op);
  if (out.interrupted()) return AskAgain(op);
  if (!out.ok()) return FinishForward(op, IoErrorOf(out.error_number), false);
  if (out.size == 0) return FinishForward(op, IoError::kUnexpected, false);
  CHECK(out.size <= state.held);
  state.held -= static_cast<uint32_t>(out.size);
  state.moved += out.size;
  if (state.held == 0 && short_read && MayAwait(state.from, drained)) return AwaitBytes(op);
  return static_cast<uint32_t>(out.size);
}

uint32_t PosixLoop::CopyOnce(ForwardOp& op, uint32_t size_max) {
  auto& state = op.state;
  const std::span<std::byte> space{copy_space_, std::min(size_max, kCopySpaceSize)};
  const IoResult in = PeekNow(state.from, space);
  if (in.would_block()) return AwaitBytes(op);
  if (in.interrupted()) return AskAgain(op);
  if (!in.ok()) return FinishForward(op, IoErrorOf(in.error_number), true);
  if (in.size == 0) return FinishForward(op, IoError::kEndOfStream, true);
  const iovec slice{space.data(), in.size};
  const IoResult out = SendNow(state.to, {&slice, 1});
  if (out.would_block()) return AwaitRoom(op);
  if (out.interrupted()) return AskAgain(op);
  if (!out.ok()) return FinishForward(op, IoErrorOf(out.error_number), false);
  state.moved += out.size;
  // They were there a moment ago, and nobody else reads this socket.
  for (size_t left = out.size; left > 0;) {
    const IoResult taken = DiscardNow(state.from, space.first(left));
    if (taken.interrupted()) continue;
    if (!taken.ok()) return FinishForward(op, IoErrorOf(taken.error_number), true);
    if (taken.size == 0) return FinishForward(op, IoError::kUnexpected, true);
    left -= taken.size;
  }
  const bool all = out.size == in.size && in.size < space.size();
  if (all && MayAwait(state.from, true)) return AwaitBytes(op);
  return static_cast<uint32_t>(out.size);
}

uint32_t PosixLoop::AwaitBytes(ForwardOp& op) {
  CHECK(op.state.held == 0);
  ReturnPipe(op);
  op.state.awaits_room = false;
  op.socket = op.state.from;
  AwaitSocket(op);
  return 0;
}

uint32_t PosixLoop::AwaitRoom(ForwardOp& op) {
  op.state.awaits_room = true;
  op.socket = op.state.to;
  AwaitSocket(op);
  return 0;
}

uint32_t PosixLoop::AskAgain(ForwardOp& op) {
  MakeReady(op);
  return 0;
}

void PosixLoop::ReturnPipe(ForwardOp& op) {
  if (!op.state.pipe.valid()) return;
  pipes_.Return(op.state.pipe, op.state.held == 0);
  op.state.pipe = {};
}

uint32_t PosixLoop::FinishForward(ForwardOp& op, IoError error, bool at_sender) {
  ReturnPipe(op);
  Complete(op, Forwarded{error, at_sender, op.state.moved});
  return 0;
}

}  // namespace engine
