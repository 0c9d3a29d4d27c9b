#include "client/input_pump.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/dry_pool.h"

namespace client {

using engine::BufferRef;
using engine::IoError;

InputPump::InputPump(engine::Loop& loop, engine::Socket source, Sink& sink, Escapes escapes)
    : loop_(loop),
      source_(source),
      sink_(sink),
      escapes_(escapes),
      receive_op_(engine::Handler<engine::Received>::To<&InputPump::OnReceived>(this)),
      pause_op_(engine::Handler<engine::Fired>::To<&InputPump::OnPauseOver>(this)) {
  if (escapes_ == Escapes::kOff) return;
  tilde_ = loop.buffers().Take();
  CHECK(!tilde_.empty());  // At the start of a session the pool is full.
  tilde_.bytes()[0] = std::byte{'~'};
}

void InputPump::Start() {
  CHECK(!started_);
  started_ = true;
  Receive();
}

void InputPump::Receive() { loop_.Receive(receive_op_, source_, engine::ReceiveMode::kBatch); }

void InputPump::Resume() {
  if (!started_ || stopped_ || in_flight()) return;
  Pump();
}

void InputPump::Stop() {
  stopped_ = true;
  received_.Clear();
  held_ = BufferRef();
  plain_ = BufferRef();
  loop_.Cancel(receive_op_);
  loop_.Cancel(pause_op_);
}

void InputPump::OnReceived(engine::Received outcome) {
  if (stopped_) {
    if (!outcome.more) sink_.OnInputEnded(IoError::kCanceled);
    return;
  }
  if (outcome.error == IoError::kNoBuffers) {
    loop_.StartTimer(pause_op_, loop_.Now() + engine::kDryPoolPause);
    return;
  }
  if (outcome.error != IoError::kNone) {
    stopped_ = true;
    sink_.OnInputEnded(outcome.error);
    return;
  }
  received_.Push(std::move(outcome.data));
  if (!outcome.more) Pump();
}

void InputPump::OnPauseOver(engine::Fired) {
  if (stopped_) {
    sink_.OnInputEnded(IoError::kCanceled);
    return;
  }
  Receive();
}

// Offer returns true when all of `slice` was taken.
bool InputPump::Offer(BufferRef& slice) {
  if (slice.empty()) return true;
  const size_t size = slice.size();
  BufferRef rest = slice.Share(0, size);
  const size_t taken = sink_.TakeInput(std::move(slice));
  CHECK(taken <= size);
  slice = taken < size ? rest.Share(taken, size - taken) : BufferRef();
  return taken == size;
}

void InputPump::Pump() {
  // A sink may call Resume from inside TakeInput; the loop below goes on by itself.
  if (pumping_) return;
  pumping_ = true;
  while (!stopped_ && Offer(held_) && Offer(plain_) && !received_.empty()) ParseNext();
  const bool drained = held_.empty() && plain_.empty() && received_.empty();
  pumping_ = false;
  if (!stopped_ && drained) Receive();
}

void InputPump::ParseNext() {
  if (escapes_ == Escapes::kOff) {
    plain_ = std::move(received_.front());
    received_.Pop();
    return;
  }
  BufferRef& received = received_.front();
  const EscapeParser::Step step = parser_.Next(received.bytes());
  if (!step.held.empty()) held_ = tilde_.Share(0, 1);
  if (!step.plain.empty()) {
    const auto* begin = reinterpret_cast<const std::byte*>(step.plain.data());
    plain_ =
        received.Share(static_cast<size_t>(begin - received.bytes().data()), step.plain.size());
  }
  if (const size_t left = received.size() - step.taken; left > 0) {
    received = received.Share(step.taken, left);
  } else {
    received_.Pop();
  }
  // What stands before an escape is sent before it: help and suspend then appear where they were
  // asked for. An end does not wait for a stream without credit.
  if (step.escape == Escape::kNone) return;
  if (Offer(held_)) Offer(plain_);
  sink_.OnEscape(step.escape);
}

}  // namespace client
