// UringLoop's half for what comes back from the kernel.

#include <cerrno>
#include <utility>

#include "engine/loop/io_error.h"
#include "engine/uring/uring_loop.h"

namespace engine {
void UringLoop::Reap() {
  // What completes while handlers run waits for the next iteration.
  const unsigned count = ::io_uring_cq_ready(&ring_);
  for (unsigned i = 0; i < count; ++i) {
    io_uring_cqe* entry = nullptr;
    CHECK(::io_uring_peek_cqe(&ring_, &entry) == 0);
    const io_uring_cqe completion = *entry;  // The kernel may reuse the entry once it is seen.
    ::io_uring_cqe_seen(&ring_, entry);
    Handle(completion);
  }
}

void UringLoop::Handle(const io_uring_cqe& completion) {
  if (completion.user_data == kIgnored) return;
  if (completion.user_data == kWakeMark) {
    wake_armed_ = false;
    WakeWasSeen();
    return;
  }
  Op& op = *reinterpret_cast<Op*>(completion.user_data);
  const int result = completion.res;
  const bool released = (completion.flags & IORING_CQE_F_NOTIF) != 0;
  if (op.stage == OpStage::kWaiting &&
      !released) {  // A poll. If it failed, the call that follows says why.
    if (CancelRequested(op)) return FailNow(op, IoError::kCanceled);
    if (op.kind == OpKind::kForward) return MakeReady(op);
    return op.socket.kind == SocketKind::kFile ? FileIsReady(op) : Issue(op);
  }
  const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
  switch (op.kind) {
    case OpKind::kAccept:
      return OnAccept(static_cast<AcceptOp&>(op), result, more);
    case OpKind::kConnect:
      return OnConnect(static_cast<ConnectOp&>(op), result);
    case OpKind::kReceive:
      return OnReceive(static_cast<ReceiveOp&>(op), result, completion.flags);
    case OpKind::kSend:
      return OnSend(static_cast<SendOp&>(op), result, completion.flags);
    case OpKind::kForward:
    case OpKind::kTimer:
    case OpKind::kClose:
      break;
  }
  CHECK(false);
}

void UringLoop::Continue(Op& op) { CancelRequested(op) ? MakeReady(op) : Issue(op); }

bool UringLoop::TryAgain(Op& op, int result) {
  if (result != -EAGAIN && result != -EINTR) return false;
  if (CancelRequested(op)) {
    MakeReady(op);
  } else if (result == -EAGAIN) {
    Poll(op);
  } else {
    Issue(op);
  }
  return true;
}

void UringLoop::OnAccept(AcceptOp& op, int result, bool more) {
  if (result >= 0) {
    if (!more) Continue(op);
    const Socket socket{result, SocketKind::kSocket};
    return Complete(op, Accepted{IoError::kNone, true, socket});
  }
  CHECK(!more);
  if (WasGoneBeforeAccept(-result)) return Continue(op);
  if (TryAgain(op, result)) return;
  FailNow(op, IoErrorOf(-result));
}

void UringLoop::OnConnect(ConnectOp& op, int result) {
  if (result == -EINTR) result = -EAGAIN;  // Under way: a second connect would not help.
  if (result == -EISCONN) result = 0;      // Asked again after a poll.
  if (TryAgain(op, result)) return;
  Complete(op, Connected{IoErrorOf(-result)});
}

void UringLoop::OnReceive(ReceiveOp& op, int result, uint32_t flags) {
  const bool more = (flags & IORING_CQE_F_MORE) != 0;
  op.state.drained = (flags & IORING_CQE_F_SOCK_NONEMPTY) == 0;
  BufferRef block;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    block = lent_->Take(static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT));
  }
  if (result > 0) {
    CHECK(!block.empty());
    block.KeepFirst(static_cast<size_t>(result));
    if (!op.state.repeat) return CompleteReceive(op, std::move(block));
    if (!more) Continue(op);
    return Complete(op, Received{IoError::kNone, true, std::move(block)});
  }
  CHECK(!more);
  block = {};
  if (result == 0) return FailNow(op, IoError::kEndOfStream);
  if (TryAgain(op, result)) return;
  if (result == -ENOBUFS) {
    // The lent blocks are used up, but perhaps not the pool.
    if (CancelRequested(op)) return FailNow(op, IoError::kCanceled);
    lent_->Refill();
    if (lent_->lent_count() > 0) return Issue(op);
    return FailNow(op, IoError::kNoBuffers);
  }
  FailNow(op, IoErrorOf(-result));
}

void UringLoop::OnSend(SendOp& op, int result, uint32_t flags) {
  auto& state = op.state;
  if ((flags & IORING_CQE_F_NOTIF) != 0) {
    CHECK(state.releases > 0);
    if (--state.releases > 0 || !state.finished) return;
    return Complete(op, Sent{state.error, false, state.sent});
  }
  if ((flags & IORING_CQE_F_MORE) != 0) ++state.releases;
  if (result >= 0) {
    if (op.state.Advance(static_cast<size_t>(result))) return Finish(op, IoError::kNone);
    // Cut short by a cancel or by an error: asking for the rest tells which.
    if (CancelRequested(op)) return Finish(op, IoError::kCanceled);
    return result == 0 ? Finish(op, IoError::kReset) : Issue(op);
  }
  if ((result == -EAGAIN || result == -EINTR) && CancelRequested(op)) {
    return Finish(op, IoError::kCanceled);
  }
  if (TryAgain(op, result)) return;
  if (state.zero_copy && (result == -ENOMEM || result == -ENOBUFS || result == -EOPNOTSUPP)) {
    // The socket cannot pin pages, or this user may pin no more of them: copy.
    state.zero_copy = false;
    return CancelRequested(op) ? Finish(op, IoError::kCanceled) : Issue(op);
  }
  Finish(op, IoErrorOf(-result));
}

void UringLoop::Finish(SendOp& op, IoError error) {
  auto& state = op.state;
  if (state.releases == 0) return Complete(op, Sent{error, false, state.sent});
  state.finished = true;
  state.error = error;
  if (error == IoError::kNone) Complete(op, Sent{IoError::kNone, true, state.sent});
}

}  // namespace engine
