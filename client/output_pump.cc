#include "client/output_pump.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"

namespace client {
namespace {

constexpr size_t kWaitingAtFirst = 32;

}  // namespace

using engine::BufferRef;
using engine::IoError;

OutputPump::OutputPump(engine::Loop& loop, engine::Socket socket, Events& events)
    : loop_(loop),
      socket_(socket),
      events_(events),
      send_op_(engine::Handler<engine::Sent>::To<&OutputPump::OnSent>(this)),
      packer_(loop.buffers()),
      waiting_(kWaitingAtFirst) {}

bool OutputPump::Push(BufferRef slice) {
  if (failed_ || slice.empty()) return true;
  if (count_ > sending_count_ && packer_.AppendTo(At(count_ - 1), slice)) return true;
  if (count_ == kWaitingMax) return false;
  // With nothing in flight the slice leaves at once, and is not worth a copy.
  Append(send_op_.in_flight() ? packer_.Pack(std::move(slice)) : std::move(slice));
  if (!send_op_.in_flight()) StartSend();
  return true;
}

void OutputPump::Append(BufferRef slice) {
  if (count_ == waiting_.size()) {
    std::vector<BufferRef> larger(std::min(2 * waiting_.size(), kWaitingMax));
    for (size_t i = 0; i < count_; ++i) larger[i] = std::move(At(i));
    waiting_ = std::move(larger);
    first_ = 0;
  }
  At(count_) = std::move(slice);
  ++count_;
}

void OutputPump::StartSend() {
  std::array<engine::ByteView, engine::kSendSlicesMax> slices;
  sending_count_ = std::min(count_, slices.size());
  sending_bytes_ = 0;
  for (size_t i = 0; i < sending_count_; ++i) {
    slices[i] = At(i).bytes();
    sending_bytes_ += slices[i].size();
  }
  loop_.Send(send_op_, socket_, std::span(slices).first(sending_count_), engine::SendMode::kCopy);
}

void OutputPump::OnSent(engine::Sent outcome) {
  if (failed_ || outcome.error != IoError::kNone) {
    const IoError error = failed_ ? IoError::kCanceled : outcome.error;
    failed_ = true;
    events_.OnPumpFailed(*this, error, Drop());
    return;
  }
  CHECK(outcome.size == sending_bytes_);
  for (size_t i = 0; i < sending_count_; ++i) At(i) = BufferRef();
  first_ = (first_ + sending_count_) % waiting_.size();
  count_ -= sending_count_;
  sending_count_ = 0;
  const size_t bytes = sending_bytes_;
  if (count_ > 0) {
    StartSend();
  } else {
    packer_.Release();
  }
  events_.OnPumped(*this, bytes);
}

void OutputPump::Stop() {
  if (failed_) return;
  failed_ = true;
  if (send_op_.in_flight()) {
    loop_.Cancel(send_op_);  // The blocks stay until the kernel has let go of them.
  } else {
    Drop();
  }
}

size_t OutputPump::Drop() {
  size_t bytes = 0;
  for (BufferRef& slice : waiting_) {
    bytes += slice.size();
    slice = BufferRef();
  }
  packer_.Release();
  count_ = 0;
  sending_count_ = 0;
  return bytes;
}

}  // namespace client
