#include "engine/loop/posix_loop.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "engine/loop/descriptor.h"
#include "engine/loop/io_error.h"

namespace engine {
namespace {

Instant ReadClock() {
  timespec time{};
  CHECK(::clock_gettime(CLOCK_MONOTONIC, &time) == 0);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

void IgnoreBrokenPipes() {
  struct sigaction action {};
  CHECK(::sigaction(SIGPIPE, nullptr, &action) == 0);
  if (action.sa_handler != SIG_DFL) return;
  action.sa_handler = SIG_IGN;
  CHECK(::sigaction(SIGPIPE, &action, nullptr) == 0);
}

}  // namespace

PosixLoop::PosixLoop(uint16_t block_count, uint32_t block_size)
    : buffers_(block_count, block_size), now_(ReadClock()) {
  IgnoreBrokenPipes();
  // In the blocking mode, because io_uring reads it; nobody ever waits in write(2), whose sum would
  // have to pass 2^64.
  wake_descriptor_ = ::eventfd(0, EFD_CLOEXEC);
  CHECK(wake_descriptor_ >= 0);
  void* memory = ::mmap(nullptr, kCopySpaceSize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  copy_space_ = static_cast<std::byte*>(memory);
}

PosixLoop::~PosixLoop() {
  CHECK(in_flight_count() == 0);
  ::close(wake_descriptor_);
  ::munmap(copy_space_, kCopySpaceSize);
}

void PosixLoop::Wake() noexcept {
  if (wake_pending_.exchange(true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_descriptor_, &one, sizeof one);
}

Duration PosixLoop::PrepareWait(Duration wait_max) {
  // A loop in which nothing is idle any more is not woken for it.
  if (buffers_.HasIdlePages() && now_ >= next_give_back_) {
    buffers_.GiveBack(kGiveBackMax);
    next_give_back_ = now_ + give_back_pause_;
  }
  if (!ready_.empty()) return Duration::zero();
  if (buffers_.HasIdlePages()) {
    wait_max = std::clamp(next_give_back_ - now_, Duration::zero(), wait_max);
  }
  const TimerOp* first = timers_.first();
  if (first == nullptr || wait_max <= Duration::zero()) return wait_max;
  // The clock was last read when this iteration's predecessor began: read it again, so that the
  // time that its handlers took does not make a timer late.
  return std::clamp(first->state.deadline - ReadClock(), Duration::zero(), wait_max);
}

void PosixLoop::BeginIteration() {
  now_ = ReadClock();
  while (TimerOp* op = timers_.PopDue(now_)) MakeReady(*op);
}

void PosixLoop::MakeReady(Op& op) {
  op.stage = OpStage::kReady;
  ready_.Push(op);
}

void PosixLoop::RunReady() {
  // What handlers make ready waits for the next iteration.
  CHECK(running_.empty());
  std::swap(running_, ready_);
  while (Op* op = running_.Pop()) Run(*op);
}

void PosixLoop::Run(Op& op) {
  if (op.kind == OpKind::kClose) {
    CloseNow(static_cast<CloseOp&>(op));
  } else if (CancelRequested(op)) {
    FailNow(op, IoError::kCanceled);
  } else if (op.failure != IoError::kNone) {
    FailNow(op, op.failure);
  } else if (op.kind == OpKind::kTimer) {
    Complete(static_cast<TimerOp&>(op), Fired{IoError::kNone});
  } else if (op.kind == OpKind::kForward) {
    TryForward(static_cast<ForwardOp&>(op));
  } else if (op.socket.kind == SocketKind::kSocket) {
    TrySocket(op);
  } else if (op.kind == OpKind::kReceive) {
    TryFile(static_cast<ReceiveOp&>(op));
  } else {
    CHECK(op.kind == OpKind::kSend);
    TryFile(static_cast<SendOp&>(op));
  }
}

void PosixLoop::Cancel(Op& op) {
  if (!op.in_flight() || CancelRequested(op)) return;
  RequestCancel(op);
  if (op.stage == OpStage::kReady) return;  // Run() sees the request.
  if (op.kind == OpKind::kTimer) {
    timers_.Remove(static_cast<TimerOp&>(op));
    MakeReady(op);
  } else {
    StopWaiting(op);
  }
}

void PosixLoop::FailLater(Op& op, IoError error) {
  op.failure = error;
  MakeReady(op);
}

void PosixLoop::FailNow(Op& op, IoError error) {
  switch (op.kind) {
    case OpKind::kAccept:
      return Complete(static_cast<AcceptOp&>(op), Accepted{error, false, {}});
    case OpKind::kConnect:
      return Complete(static_cast<ConnectOp&>(op), Connected{error});
    case OpKind::kReceive:
      return Complete(static_cast<ReceiveOp&>(op), Received{error, false, {}});
    case OpKind::kSend: {
      auto& send = static_cast<SendOp&>(op);
      return Complete(send, Sent{error, false, send.state.sent});
    }
    case OpKind::kForward: {
      auto& forward = static_cast<ForwardOp&>(op);
      FinishForward(forward, error, !forward.state.awaits_room);
      return;
    }
    case OpKind::kTimer:
      return Complete(static_cast<TimerOp&>(op), Fired{error});
    case OpKind::kClose:
      break;  // A Close neither fails nor can be taken back.
  }
  CHECK(false);
}

void PosixLoop::StartTimer(TimerOp& op, Instant deadline) {
  Begin(op);
  if (deadline <= now_) return MakeReady(op);  // In this iteration still, if it can be.
  op.stage = OpStage::kWaiting;
  timers_.Add(op, deadline);
}

void PosixLoop::Close(CloseOp& op, Socket socket, CloseMode mode) {
  CHECK(socket.valid());
  Begin(op);
  op.socket = socket;
  op.state.reset = mode == CloseMode::kReset;
  MakeReady(op);
}

void PosixLoop::CloseNow(CloseOp& op) {
  const int descriptor = static_cast<int>(op.socket.handle);
  Forget(op.socket);
  if (op.state.reset && op.socket.kind == SocketKind::kSocket) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  // Linux frees the descriptor whatever close(2) says, and no bytes are promised by it.
  ::close(descriptor);
  Complete(op, Closed{IoError::kNone});
}

void PosixLoop::PrepareReceive(ReceiveOp& op, Socket socket, ReceiveMode mode) {
  CHECK(socket.valid());
  Begin(op);
  op.socket = socket;
  op.state.repeat = mode == ReceiveMode::kRepeat;
  op.state.batch = mode == ReceiveMode::kBatch;
  op.state.readable = false;
}

void PosixLoop::CompleteReceive(ReceiveOp& op, BufferRef first) {
  std::array<BufferRef, kReceiveBlocksMax> blocks;
  const bool is_full = first.size() == buffers_.block_size();
  blocks[0] = std::move(first);
  size_t count = 1;
  if (op.state.batch && is_full) count += ReceiveMore(op.socket, std::span(blocks).subspan(1));
  op.stage = OpStage::kReady;  // A cancel between the blocks comes too late.
  for (size_t i = 0; i < count; ++i) {
    Complete(op, Received{IoError::kNone, i + 1 < count, std::move(blocks[i])});
  }
}

// ReceiveMore fills as many of the blocks as bytes are there for, and returns their count. Only
// bytes are asked for: a socket tells an error once, and then to the next Receive.
size_t PosixLoop::ReceiveMore(Socket socket, std::span<BufferRef> blocks) {
  if (buffers_.free_count() < buffers_.block_count() / 2) return 0;
  const size_t block_size = buffers_.block_size();
  const size_t waiting = BytesWaiting(socket);
  const size_t wanted = std::min((waiting + block_size - 1) / block_size, blocks.size());
  std::array<iovec, kReceiveBlocksMax> places;
  size_t count = 0;
  for (; count < wanted; ++count) {
    blocks[count] = buffers_.Take();
    if (blocks[count].empty()) break;
    places[count] = {blocks[count].bytes().data(), block_size};
  }
  if (count == 0) return 0;
  size_t left = ReceiveAllNow(socket, std::span(places).first(count)).size;
  size_t filled = 0;
  for (; left > 0; ++filled) {
    blocks[filled].KeepFirst(std::min(left, block_size));
    left -= blocks[filled].size();
  }
  for (size_t i = filled; i < count; ++i) blocks[i] = {};
  return filled;
}

void PosixLoop::PrepareSend(SendOp& op, Socket socket, std::span<const ByteView> slices,
                            SendMode mode) {
  CHECK(socket.valid());
  Begin(op);
  op.socket = socket;
  op.state.Start(slices, mode == SendMode::kZeroCopy);
}

}  // namespace engine
