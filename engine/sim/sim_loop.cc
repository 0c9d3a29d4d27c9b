#include "engine/sim/sim_loop.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace engine::sim {
namespace {

uint64_t Checksum(std::span<const ByteView> slices) {
  uint64_t sum = 0xCBF29CE484222325u;
  for (ByteView slice : slices) {
    for (; slice.size() >= sizeof(uint64_t); slice = slice.subspan(sizeof(uint64_t))) {
      uint64_t word;
      std::memcpy(&word, slice.data(), sizeof word);
      sum = (sum ^ word) * 0x100000001B3u;
      sum ^= sum >> 29;
    }
    for (std::byte byte : slice) sum = (sum ^ static_cast<uint64_t>(byte)) * 0x100000001B3u;
  }
  return sum;
}

// What goes into the trace, beside sizes and errors.
enum Event : uint64_t { kCanceledEvent = 1, kDryEvent, kConnectEvent, kAcceptEvent, kTimerEvent };

}  // namespace

SimLoop::SimLoop(uint64_t seed, const Faults& faults, uint16_t block_count, uint32_t block_size)
    : SimLoop(std::make_unique<SimWorld>(seed, faults), block_count, block_size) {}

SimLoop::SimLoop(std::unique_ptr<SimWorld> own, uint16_t block_count, uint32_t block_size)
    : SimLoop(*own, SimNetwork::kNobody, block_count, block_size) {
  own_ = std::move(own);
}

SimLoop::SimLoop(SimWorld& world, SimNetwork::Process process, uint16_t block_count,
                 uint32_t block_size)
    : random_(world.random),
      faults_(world.faults),
      network_(world.network),
      now_(world.now),
      process_(process),
      buffers_(block_count, block_size) {
  active_.reserve(kOpsMax);
  stepping_.reserve(kOpsMax);
  loans_.reserve(kOpsMax);
}

SimLoop::~SimLoop() { CHECK(in_flight_count() == 0); }

std::array<Socket, 2> SimLoop::ConnectedPair() {
  Address any;
  CHECK(Address::Parse("127.0.0.1", 0, any));
  const Socket listener = network_.Listen(any, 1).socket;
  const Socket client = network_.Open().socket;
  const Address address = network_.LocalAddress(listener);
  while (network_.StepConnect(client, address, now_).error != IoError::kNone) {
  }
  const Socket server = network_.TakeAccepted(listener);
  network_.Close(listener, CloseMode::kOrderly, now_);
  return {client, server};
}

void SimLoop::Activate(Op& op) {
  CHECK(active_.size() + stepping_.size() < kOpsMax);
  op.stage = OpStage::kInKernel;
  active_.push_back(&op);
}

bool SimLoop::Uses(const Op& op, Socket socket, Use use) {
  const auto matches = [use](Use other) { return use == Use::kAny || use == other; };
  switch (op.kind) {
    case OpKind::kAccept:
      return op.socket == socket && matches(Use::kAccept);
    case OpKind::kConnect:
      return op.socket == socket && matches(Use::kConnect);
    case OpKind::kReceive:
      return op.socket == socket && matches(Use::kReceive);
    case OpKind::kSend:
      if (static_cast<const SendOp&>(op).state.finished) return false;
      return op.socket == socket && matches(Use::kSend);
    case OpKind::kForward: {
      const auto& state = static_cast<const ForwardOp&>(op).state;
      return (state.from == socket && matches(Use::kReceive)) ||
             (state.to == socket && matches(Use::kSend));
    }
    case OpKind::kClose:
      return op.socket == socket && use == Use::kAny;
    case OpKind::kTimer:
      return false;
  }
  CHECK(false);
}

// CheckFree stops the run when an op in flight already uses that much of the socket.
void SimLoop::CheckFree(Socket socket, Use use) const {
  CHECK(socket.kind == SocketKind::kFile || network_.IsOpen(socket));
  const auto conflicts = [&](const Op* other) {
    return other != nullptr && other->in_flight() && Uses(*other, socket, use);
  };
  CHECK(std::none_of(active_.begin(), active_.end(), conflicts));
  CHECK(std::none_of(stepping_.begin(), stepping_.end(), conflicts));
}

void SimLoop::Accept(AcceptOp& op, Socket listener) {
  CheckFree(listener, Use::kAccept);
  Begin(op);
  op.socket = listener;
  Activate(op);
}

void SimLoop::Connect(ConnectOp& op, Socket socket, const Address& peer) {
  CheckFree(socket, Use::kConnect);
  Begin(op);
  op.socket = socket;
  op.state.peer = peer;
  Activate(op);
}

void SimLoop::Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) {
  CheckFree(socket, Use::kReceive);
  Begin(op);
  op.socket = socket;
  op.state.repeat = mode == ReceiveMode::kRepeat;
  op.state.batch = mode == ReceiveMode::kBatch;
  Activate(op);
}

void SimLoop::Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) {
  CheckFree(socket, Use::kSend);
  Begin(op);
  op.socket = socket;
  op.state.Start(slices, mode == SendMode::kZeroCopy);
  Borrow(op, slices);
  Activate(op);
}

void SimLoop::Forward(ForwardOp& op, Socket from, Socket to) {
  CheckFree(from, Use::kReceive);
  CheckFree(to, Use::kSend);
  Begin(op);
  op.state = {};
  op.socket = from;
  op.state.from = from;
  op.state.to = to;
  Activate(op);
}

void SimLoop::StartTimer(TimerOp& op, Instant deadline) {
  Begin(op);
  op.stage = OpStage::kWaiting;
  timers_.Add(op, deadline);
}

void SimLoop::Close(CloseOp& op, Socket socket, CloseMode mode) {
  CheckFree(socket, Use::kAny);
  Begin(op);
  op.socket = socket;
  op.state.reset = mode == CloseMode::kReset;
  Activate(op);
}

void SimLoop::Cancel(Op& op) {
  if (!op.in_flight() || CancelRequested(op)) return;
  RequestCancel(op);
  if (op.kind == OpKind::kTimer && op.stage == OpStage::kWaiting) {
    timers_.Remove(static_cast<TimerOp&>(op));
    Activate(op);
  }
}

Socket SimLoop::Adopt(int descriptor) {
  const Socket socket{descriptor, SocketKind::kSocket};
  CHECK(network_.IsOpen(socket));
  return socket;
}

void SimLoop::Release(Socket socket) { CheckFree(socket, Use::kAny); }

IoError SimLoop::Shutdown(Socket socket, ShutdownSide side) {
  if (side != ShutdownSide::kReceive) CheckFree(socket, Use::kSend);
  network_.Shutdown(socket, side, now_);
  return IoError::kNone;
}

void SimLoop::SetOptions(Socket socket, const SocketOptions&) { CHECK(network_.IsOpen(socket)); }

Instant SimLoop::ReadyAt(const Op& op) const {
  return CancelRequested(op) ? Instant::min() : ProgressAt(op);
}

Instant SimLoop::ProgressAt(const Op& op) const {
  switch (op.kind) {
    case OpKind::kAccept:
      return network_.AcceptReadyAt(op.socket);
    case OpKind::kConnect:
      return network_.ConnectReadyAt(op.socket, static_cast<const ConnectOp&>(op).state.peer);
    case OpKind::kReceive:
      if (op.socket.kind == SocketKind::kFile) return FileReadyAt(op.socket);
      return network_.ReceiveReadyAt(op.socket);
    case OpKind::kSend:
      if (static_cast<const SendOp&>(op).state.finished) return Instant::min();
      return network_.SendReadyAt(op.socket);
    case OpKind::kForward: {
      const auto& state = static_cast<const ForwardOp&>(op).state;
      return state.held == 0 ? network_.ReceiveReadyAt(state.from) : network_.SendReadyAt(state.to);
    }
    case OpKind::kTimer:
    case OpKind::kClose:
      return Instant::min();
  }
  CHECK(false);
}

Instant SimLoop::NextAt() const {
  if (woken_) return now_;
  Instant next = timers_.first() == nullptr ? Instant::max() : timers_.first()->state.deadline;
  for (const Op* op : active_) {
    if (next <= now_) break;
    next = std::min(next, ReadyAt(*op));
  }
  return next;
}

// PassTime lets a little time pass, or, when nothing can happen, all of it until something can.
void SimLoop::PassTime(Duration wait_max) {
  now_ += Duration{static_cast<int64_t>(random_.Range(1, 50'000))};
  if (std::exchange(woken_, false) || wait_max <= Duration::zero()) return;
  Instant next = wait_max >= Instant::max() - now_ ? Instant::max() : now_ + wait_max;
  next = std::min(next, NextAt());
  CHECK(next != Instant::max());  // Nothing would ever happen again.
  now_ = std::max(now_, next);
}

void SimLoop::RunOnce(Duration wait_max) {
  PassTime(wait_max);
  // Handlers may start ops while we step, so step over a stolen list. Timers keep their order.
  stepping_.swap(active_);
  for (size_t i = stepping_.size(); i > 1; --i) {
    std::swap(stepping_[i - 1], stepping_[random_.Range(0, i - 1)]);
  }
  for (Op*& slot : stepping_) {
    Op* op = std::exchange(slot, nullptr);  // Its handler may destroy it.
    if (!Step(*op)) active_.push_back(op);
  }
  stepping_.clear();
  while (TimerOp* op = timers_.PopDue(now_)) {
    op->stage = OpStage::kInKernel;
    stepping_.push_back(op);
  }
  for (Op*& slot : stepping_) {
    Op* op = std::exchange(slot, nullptr);
    Trace(kTimerEvent);
    const IoError error = CancelRequested(*op) ? IoError::kCanceled : IoError::kNone;
    Complete(static_cast<TimerOp&>(*op), Fired{error});
  }
  stepping_.clear();
}

bool SimLoop::Step(Op& op) {
  const bool canceled = CancelRequested(op);
  if (!canceled && op.socket.kind != SocketKind::kFile && random_.Chance(faults_.delay)) {
    return false;
  }
  if (op.kind == OpKind::kSend && static_cast<SendOp&>(op).state.finished) {
    auto& send = static_cast<SendOp&>(op);  // The peer has acknowledged.
    GiveBack(send);
    Complete(send, Sent{IoError::kNone, false, send.state.sent});
    return true;
  }
  if (canceled && op.kind != OpKind::kClose) {
    const bool can_win = op.kind != OpKind::kTimer && ProgressAt(op) <= now_;
    if (!can_win || !random_.Chance(faults_.cancel_loses)) return StepCanceled(op);
  }
  switch (op.kind) {
    case OpKind::kAccept:
      return StepAccept(static_cast<AcceptOp&>(op));
    case OpKind::kConnect:
      return StepConnect(static_cast<ConnectOp&>(op));
    case OpKind::kReceive:
      return StepReceive(static_cast<ReceiveOp&>(op));
    case OpKind::kSend:
      return StepSend(static_cast<SendOp&>(op));
    case OpKind::kForward:
      return StepForward(static_cast<ForwardOp&>(op));
    case OpKind::kClose: {
      auto& close = static_cast<CloseOp&>(op);
      const CloseMode mode = close.state.reset ? CloseMode::kReset : CloseMode::kOrderly;
      if (op.socket.kind == SocketKind::kFile) {
        CHECK(::close(static_cast<int>(op.socket.handle)) == 0);
      } else {
        network_.Close(op.socket, mode, now_);
      }
      Complete(close, Closed{IoError::kNone});
      return true;
    }
    case OpKind::kTimer:
      break;
  }
  CHECK(false);
}

bool SimLoop::StepCanceled(Op& op) {
  Trace(kCanceledEvent);
  constexpr IoError kError = IoError::kCanceled;
  switch (op.kind) {
    case OpKind::kAccept:
      Complete(static_cast<AcceptOp&>(op), Accepted{kError, false, {}});
      return true;
    case OpKind::kConnect:
      Complete(static_cast<ConnectOp&>(op), Connected{kError});
      return true;
    case OpKind::kReceive:
      Complete(static_cast<ReceiveOp&>(op), Received{kError, false, {}});
      return true;
    case OpKind::kSend:
      return FinishSend(static_cast<SendOp&>(op), kError);
    case OpKind::kForward:
      return FinishForward(static_cast<ForwardOp&>(op), kError, false);
    case OpKind::kTimer:
      Complete(static_cast<TimerOp&>(op), Fired{kError});
      return true;
    case OpKind::kClose:
      break;
  }
  CHECK(false);
}

bool SimLoop::StepAccept(AcceptOp& op) {
  if (network_.AcceptReadyAt(op.socket) > now_) return false;
  if (network_.IsDry(process_) || random_.Chance(faults_.exhaust)) {
    Complete(op, Accepted{IoError::kExhausted, false, {}});
    return true;
  }
  Trace(kAcceptEvent);
  Complete(op, Accepted{IoError::kNone, true, network_.TakeAccepted(op.socket)});
  return false;
}

bool SimLoop::StepConnect(ConnectOp& op) {
  const SimNetwork::Step step = network_.StepConnect(op.socket, op.state.peer, now_);
  if (!step.done) return false;
  Trace(uint64_t{kConnectEvent} << 8 | static_cast<uint64_t>(step.error));
  Complete(op, Connected{step.error});
  return true;
}

Instant SimLoop::FileReadyAt(Socket file) {
  pollfd watched{.fd = static_cast<int>(file.handle), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 1 ? Instant::min() : Instant::max();
}

bool SimLoop::StepFile(ReceiveOp& op) {
  if (FileReadyAt(op.socket) == Instant::max()) return false;
  BufferRef block = buffers_.Take();
  if (block.empty()) {
    Complete(op, Received{IoError::kNoBuffers, false, {}});
    return true;
  }
  const ssize_t size =
      ::read(static_cast<int>(op.socket.handle), block.bytes().data(), block.size());
  CHECK(size > 0);
  block.KeepFirst(static_cast<size_t>(size));
  Trace(static_cast<uint64_t>(size) << 8);
  Complete(op, Received{IoError::kNone, false, std::move(block)});
  return true;
}

bool SimLoop::StepReceive(ReceiveOp& op) {
  if (op.socket.kind == SocketKind::kFile) return StepFile(op);
  BufferRef block = buffers_.Take();
  const SimNetwork::Step step = network_.StepReceive(op.socket, block.bytes(), now_);
  if (!step.done) return false;
  block.KeepFirst(step.size);
  IoError error = step.error;
  if (error == IoError::kNone && step.size == 0) error = IoError::kNoBuffers;
  Trace(uint64_t{step.size} << 8 | static_cast<uint64_t>(error));
  if (error != IoError::kNone) {
    block = {};
    Complete(op, Received{error, false, {}});
    return true;
  }
  if (op.state.batch) {
    CompleteBatch(op, std::move(block));
    return true;
  }
  const bool more = op.state.repeat;
  Complete(op, Received{IoError::kNone, more, std::move(block)});
  return !more;
}

// CompleteBatch takes some more of what is there. An end or an error stays, for the next receive.
void SimLoop::CompleteBatch(ReceiveOp& op, BufferRef first) {
  std::array<BufferRef, kReceiveBlocksMax> blocks;
  blocks[0] = std::move(first);
  const size_t count_max = random_.Range(1, kReceiveBlocksMax);
  size_t count = 1;
  for (; count < count_max; ++count) {
    BufferRef block = buffers_.Take();
    if (block.empty()) break;
    const SimNetwork::Step step = network_.StepReceive(op.socket, block.bytes(), now_);
    if (step.size == 0) break;
    block.KeepFirst(step.size);
    Trace(uint64_t{step.size} << 8);
    blocks[count] = std::move(block);
  }
  for (size_t i = 0; i < count; ++i) {
    Complete(op, Received{IoError::kNone, i + 1 < count, std::move(blocks[i])});
  }
}

bool SimLoop::StepSend(SendOp& op) {
  while (true) {
    const iovec slice = op.state.Left().front();
    const ByteView bytes(static_cast<const std::byte*>(slice.iov_base), slice.iov_len);
    const SimNetwork::Step step = network_.StepSend(op.socket, bytes, now_);
    if (!step.done) return false;
    if (step.error != IoError::kNone) return FinishSend(op, step.error);
    if (op.state.Advance(step.size)) return FinishSend(op, IoError::kNone);
    if (step.size < bytes.size()) return false;
  }
}

bool SimLoop::FinishSend(SendOp& op, IoError error) {
  Trace(uint64_t{op.state.sent} << 8 | 0x80 | static_cast<uint64_t>(error));
  if (error == IoError::kNone && op.state.zero_copy) {
    op.state.finished = true;
    Complete(op, Sent{IoError::kNone, true, op.state.sent});
    return false;
  }
  GiveBack(op);
  Complete(op, Sent{error, false, op.state.sent});
  return true;
}

bool SimLoop::StepForward(ForwardOp& op) {
  auto& state = op.state;
  const std::span<std::byte> pipe = network_.PipeOf(state.from);
  if (state.held == 0) {
    const SimNetwork::Step step = network_.StepReceive(state.from, pipe, now_);
    if (!step.done) return false;
    if (step.error != IoError::kNone) return FinishForward(op, step.error, true);
    state.held = static_cast<uint32_t>(step.size);
    state.taken = state.held;
  }
  const SimNetwork::Step step =
      network_.StepSend(state.to, pipe.subspan(state.taken - state.held, state.held), now_);
  if (!step.done) return false;
  if (step.error != IoError::kNone) return FinishForward(op, step.error, false);
  state.held -= static_cast<uint32_t>(step.size);
  state.moved += step.size;
  return false;
}

bool SimLoop::FinishForward(ForwardOp& op, IoError error, bool at_sender) {
  Trace(op.state.moved << 8 | 0x40 | static_cast<uint64_t>(error));
  Complete(op, Forwarded{error, at_sender, op.state.moved});
  return true;
}

void SimLoop::Borrow(const SendOp& op, std::span<const ByteView> slices) {
  CHECK(loans_.size() < kOpsMax);
  Loan loan{.op = &op, .slices = {}, .slice_count = slices.size(), .checksum = Checksum(slices)};
  std::copy(slices.begin(), slices.end(), loan.slices.begin());
  loans_.push_back(loan);
}

void SimLoop::GiveBack(const SendOp& op) {
  const auto loan =
      std::find_if(loans_.begin(), loans_.end(), [&](const Loan& each) { return each.op == &op; });
  CHECK(loan != loans_.end());
  // Bytes that a Send has borrowed must be the same until its final completion (rule 5).
  CHECK(Checksum(std::span(loan->slices).first(loan->slice_count)) == loan->checksum);
  *loan = loans_.back();
  loans_.pop_back();
}

}  // namespace engine::sim
