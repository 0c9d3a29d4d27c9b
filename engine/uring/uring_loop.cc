#include "engine/uring/uring_loop.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "engine/loop/descriptor.h"
#include "engine/loop/io_error.h"
#include "engine/uring/uring_features.h"

namespace engine {
namespace {

// Requests that are started in one iteration beyond the first number cost one more system call;
// completions beyond the second wait in the kernel, outside the ring.
constexpr unsigned kSubmissionsMax = 512;
constexpr unsigned kCompletionsMax = 4096;

// A keystroke, a query: what the loop's own send(2) passes on with less work than a request of the
// ring does, and a completion that ends the next wait. Larger ones would wait for the copy.
constexpr uint32_t kSmallSendMax = 4096;
constexpr int kSmallSendRounds = 4;

uint64_t MarkOf(const Op& op) { return reinterpret_cast<uint64_t>(&op); }

int Descriptor(const Op& op) { return static_cast<int>(op.socket.handle); }

}  // namespace

std::unique_ptr<UringLoop> UringLoop::Create(const Options& options, std::string& why) {
  const UringFeatures& features = ProbedUringFeatures();
  if (!features.usable) {
    why = features.reason;
    return nullptr;
  }
  std::unique_ptr<UringLoop> loop(new UringLoop(options));
  if (!loop->SetUp(options, why)) return nullptr;
  return loop;
}

UringLoop::UringLoop(const Options& options)
    : PosixLoop(static_cast<uint16_t>(options.block_count + options.lent_max), options.block_size) {
  CHECK(options.block_count + options.lent_max <= UINT16_MAX);
}

bool UringLoop::SetUp(const Options& options, std::string& why) {
  io_uring_params params{};
  params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = kCompletionsMax;
  const int result = ::io_uring_queue_init_params(kSubmissionsMax, &ring_, &params);
  if (result < 0) {
    why = std::string("io_uring_setup failed: ") + std::strerror(-result);
    return false;
  }
  ring_open_ = true;
  send_zero_copy_ = ProbedUringFeatures().send_zero_copy;
  lent_.emplace(ring_, buffers(), options.lent_max);
  if (!lent_->valid()) why = "the kernel refused a ring of provided buffers";
  return lent_->valid();
}

UringLoop::~UringLoop() {
  CHECK(in_flight_count() == 0);
  lent_.reset();
  if (ring_open_) ::io_uring_queue_exit(&ring_);
}

void UringLoop::Enable() {
  if (enabled_) return;
  enabled_ = true;
  CHECK(::io_uring_enable_rings(&ring_) == 0);
  ::io_uring_register_ring_fd(&ring_);  // Saves looking up the descriptor; may be refused.
}

void UringLoop::RunOnce(Duration wait_max) {
  Enable();
  while (Op* op = small_sends_.Pop()) Continue(*op);  // Started since, or left for this.
  ArmWake();
  lent_->Refill();
  IssueReceives();
  SubmitAndWait(PrepareWait(wait_max));
  BeginIteration();
  Reap();
  RunReady();
  SendSmall();
}

void UringLoop::SubmitAndWait(Duration wait_max) {
  int result = 0;
  if (wait_max <= Duration::zero()) {
    result = ::io_uring_submit_and_get_events(&ring_);
  } else {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wait_max);
    __kernel_timespec time{.tv_sec = seconds.count(), .tv_nsec = (wait_max - seconds).count()};
    io_uring_cqe* first = nullptr;
    result = ::io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
  }
  // Time is up; a signal; or the kernel is short of memory, and takes the rest next time.
  const bool expected = result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
                        result == -EBUSY || result == -ENOMEM;
  CHECK(expected);
}

io_uring_sqe* UringLoop::NextEntry() {
  // A full queue is emptied by submitting it. Only a kernel that has no memory for a request of 256
  // bytes refuses again and again; then this process cannot do its work, and stops.
  constexpr int kTriesMax = 1000;
  for (int i = 0; i < kTriesMax; ++i) {
    if (io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) return entry;
    Enable();
    ::io_uring_submit(&ring_);
  }
  CHECK(false);
}

void UringLoop::ArmWake() {
  if (wake_armed_) return;
  wake_armed_ = true;
  io_uring_sqe* entry = NextEntry();
  ::io_uring_prep_read(entry, wake_descriptor(), &wake_count_, sizeof wake_count_, 0);
  ::io_uring_sqe_set_data64(entry, kWakeMark);
}

void UringLoop::Accept(AcceptOp& op, Socket listener) {
  CHECK(listener.valid());
  Begin(op);
  op.socket = listener;
  IssueAccept(op);
}

void UringLoop::Connect(ConnectOp& op, Socket socket, const Address& peer) {
  CHECK(socket.valid());
  Begin(op);
  op.socket = socket;
  op.state.peer = peer;
  IssueConnect(op);
}

void UringLoop::Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) {
  PrepareReceive(op, socket, mode);
  if (socket.kind == SocketKind::kFile) return MakeReady(op);
  op.stage = OpStage::kReady;
  receives_.Push(op);
}

void UringLoop::Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) {
  PrepareSend(op, socket, slices, mode);
  op.state.zero_copy = op.state.zero_copy && send_zero_copy_;
  if (socket.kind == SocketKind::kFile) return MakeReady(op);
  if (op.state.size > kSmallSendMax || op.state.zero_copy) return IssueSend(op);
  op.stage = OpStage::kReady;
  small_sends_.Push(op);
}

void UringLoop::SendSmall() {
  // What completions start is sent with the next round, or through the ring: who always has one
  // more must not keep the loop here.
  for (int round = 0; round < kSmallSendRounds; ++round) {
    IntrusiveQueue<Op> sends;
    std::swap(sends, small_sends_);
    while (Op* op = sends.Pop()) TrySmall(static_cast<SendOp&>(*op));
  }
}

void UringLoop::TrySmall(SendOp& op) {
  if (CancelRequested(op)) return FailNow(op, IoError::kCanceled);
  const IoResult result = SendNow(op.socket, op.state.Left());
  if (result.would_block() || result.interrupted()) return IssueSend(op);
  if (!result.ok()) return Finish(op, IoErrorOf(result.error_number));
  op.state.Advance(result.size) ? Finish(op, IoError::kNone) : IssueSend(op);
}

void UringLoop::Issue(Op& op) {
  switch (op.kind) {
    case OpKind::kAccept:
      return IssueAccept(static_cast<AcceptOp&>(op));
    case OpKind::kConnect:
      return IssueConnect(static_cast<ConnectOp&>(op));
    case OpKind::kReceive:
      return IssueReceive(static_cast<ReceiveOp&>(op));
    case OpKind::kSend:
      return IssueSend(static_cast<SendOp&>(op));
    case OpKind::kForward:
    case OpKind::kTimer:
    case OpKind::kClose:
      break;
  }
  CHECK(false);
}

void UringLoop::IssueAccept(AcceptOp& op) {
  io_uring_sqe* entry = NextEntry();
  ::io_uring_prep_multishot_accept(entry, Descriptor(op), nullptr, nullptr,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
  ::io_uring_sqe_set_data64(entry, MarkOf(op));
  op.stage = OpStage::kInKernel;
}

void UringLoop::IssueConnect(ConnectOp& op) {
  io_uring_sqe* entry = NextEntry();
  ::io_uring_prep_connect(entry, Descriptor(op), op.state.peer.raw(), op.state.peer.raw_size());
  ::io_uring_sqe_set_data64(entry, MarkOf(op));
  op.stage = OpStage::kInKernel;
}

void UringLoop::IssueReceives() {
  while (Op* op = receives_.Pop()) Continue(*op);
}

void UringLoop::IssueReceive(ReceiveOp& op) {
  io_uring_sqe* entry = NextEntry();
  if (op.state.repeat) {
    ::io_uring_prep_recv_multishot(entry, Descriptor(op), nullptr, 0, 0);
  } else {
    ::io_uring_prep_recv(entry, Descriptor(op), nullptr, buffers().block_size(), 0);
  }
  // A socket that was emptied is not asked again before something came. And without a lent block
  // the kernel would refuse at once, though perhaps nothing is there to read.
  if (op.state.drained || lent_->lent_count() == 0) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = UringBuffers::kGroup;
  ::io_uring_sqe_set_data64(entry, MarkOf(op));
  op.stage = OpStage::kInKernel;
}

void UringLoop::IssueSend(SendOp& op) {
  // With MSG_WAITALL the kernel itself goes on until every byte was accepted.
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  const std::span<const iovec> slices = op.state.Left();
  const int descriptor = Descriptor(op);
  io_uring_sqe* entry = NextEntry();
  if (slices.size() == 1) {
    const iovec slice = slices.front();
    if (op.state.zero_copy) {
      ::io_uring_prep_send_zc(entry, descriptor, slice.iov_base, slice.iov_len, kFlags, 0);
    } else {
      ::io_uring_prep_send(entry, descriptor, slice.iov_base, slice.iov_len, kFlags);
    }
  } else {
    msghdr& message = op.state.message;
    message = msghdr{};
    message.msg_iov = const_cast<iovec*>(slices.data());
    message.msg_iovlen = slices.size();
    if (op.state.zero_copy) {
      ::io_uring_prep_sendmsg_zc(entry, descriptor, &message, kFlags);
    } else {
      ::io_uring_prep_sendmsg(entry, descriptor, &message, kFlags);
    }
  }
  ::io_uring_sqe_set_data64(entry, MarkOf(op));
  op.stage = OpStage::kInKernel;
}

void UringLoop::Poll(Op& op) {
  bool reads = op.kind == OpKind::kReceive || op.kind == OpKind::kAccept;
  if (op.kind == OpKind::kForward) reads = !static_cast<ForwardOp&>(op).state.awaits_room;
  io_uring_sqe* entry = NextEntry();
  ::io_uring_prep_poll_add(entry, Descriptor(op), reads ? POLLIN : POLLOUT);
  ::io_uring_sqe_set_data64(entry, MarkOf(op));
  op.stage = OpStage::kWaiting;
}

void UringLoop::StopWaiting(Op& op) {
  io_uring_sqe* entry = NextEntry();
  ::io_uring_prep_cancel64(entry, MarkOf(op), 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  ::io_uring_sqe_set_data64(entry, kIgnored);
}

}  // namespace engine
