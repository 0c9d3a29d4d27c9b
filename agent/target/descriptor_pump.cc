#include "agent/target/descriptor_pump.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/dry_pool.h"

namespace agent {

DescriptorPump::DescriptorPump(engine::Loop& loop, StreamHandle& stream, engine::Channel channel,
                               Events& events)
    : loop_(loop),
      stream_(stream),
      events_(events),
      channel_(channel),
      receive_op_(engine::Handler<engine::Received>::To<&DescriptorPump::OnReceived>(this)),
      send_op_(engine::Handler<engine::Sent>::To<&DescriptorPump::OnSent>(this)),
      retry_op_(engine::Handler<engine::Fired>::To<&DescriptorPump::OnRetry>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&DescriptorPump::OnClosed>(this)),
      packer_(loop.buffers()),
      queue_(loop.buffers()) {}

DescriptorPump::~DescriptorPump() { CHECK(!open()); }

void DescriptorPump::Open(engine::Socket socket) {
  CHECK(!open());
  CHECK(socket.valid());
  socket_ = socket;
  writing_ = true;
  finishing_ = false;
  closing_ = false;
}

// ------------------------------------------------------------------- reading

void DescriptorPump::StartReading() {
  CHECK(open());
  CHECK(!reading_);
  reading_ = true;
  Receive();
}

void DescriptorPump::StopReading() {
  reading_ = false;
  loop_.Cancel(receive_op_);
  loop_.Cancel(retry_op_);
}

void DescriptorPump::ReadOn() {
  if (closing_ || held_.empty()) return;
  if (receive_op_.in_flight()) return;  // The rest of the batch comes, and goes on then.
  if (ForwardHeld() && reading_) Receive();
}

void DescriptorPump::Receive() { loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kBatch); }

// ForwardHeld returns true when the stream took everything.
bool DescriptorPump::ForwardHeld() {
  while (!held_.empty()) {
    const size_t size = held_.front().size();
    const engine::BufferRef rest = held_.front().Share(0, size);
    const size_t taken = stream_.Write(channel_, std::move(held_.front()));
    CHECK(taken <= size);
    if (taken < size) {
      held_.front() = rest.Share(taken, size - taken);
      return false;
    }
    held_.Pop();
  }
  return true;
}

void DescriptorPump::OnReceived(engine::Received outcome) {
  if (closing_) return Join();
  switch (outcome.error) {
    case engine::IoError::kNone:
      break;
    case engine::IoError::kNoBuffers:
      if (reading_) loop_.StartTimer(retry_op_, loop_.Now() + engine::kDryPoolPause);
      return;
    default:
      if (!reading_) return;  // StopReading canceled it.
      reading_ = false;
      return events_.OnReadEnd(*this, outcome.error);
  }
  read_bytes_ += outcome.data.size();
  // While the stream is quick a block goes by reference and comes back at once. When it is not,
  // many small pieces would pile up.
  if (stream_.has_output()) {
    outcome.data = packer_.Pack(std::move(outcome.data));
  } else {
    packer_.Release();
  }
  held_.Push(std::move(outcome.data));
  if (outcome.more) return;
  if (ForwardHeld() && reading_) Receive();
}

void DescriptorPump::OnRetry(engine::Fired) {
  if (closing_) return Join();
  if (reading_) Receive();
}

// ------------------------------------------------------------------- writing

void DescriptorPump::Write(engine::BufferRef payload) {
  if (!writing_ || closing_ || finishing_) return stream_.Consume(payload.size());
  queue_.Push(std::move(payload));
  Send();
}

void DescriptorPump::FinishWriting(std::string_view last_words) {
  if (!writing_ || closing_ || finishing_) return;
  CHECK(last_words.size() <= kLastWordsMax);
  finishing_ = true;
  last_words_size_ = last_words.size();
  std::copy(last_words.begin(), last_words.end(), last_words_.begin());
  Send();
}

void DescriptorPump::Send() {
  if (send_op_.in_flight()) return;
  std::array<engine::ByteView, engine::kSendSlicesMax> slices;
  size_t count = queue_.Front(slices);
  sending_last_words_ = count == 0 && last_words_size_ > 0;
  if (sending_last_words_) {
    slices[0] = engine::AsBytes({last_words_.data(), last_words_size_});
    count = 1;
  }
  if (count > 0) {
    return loop_.Send(send_op_, socket_, std::span(slices).first(count), engine::SendMode::kCopy);
  }
  if (finishing_) EndWriting(engine::IoError::kNone);
}

void DescriptorPump::OnSent(engine::Sent outcome) {
  if (outcome.more) return;
  if (closing_) return Join();
  written_bytes_ += outcome.size;
  if (sending_last_words_) {
    last_words_size_ = 0;
  } else {
    queue_.Pop(outcome.size);
    stream_.Consume(outcome.size);
  }
  if (outcome.error != engine::IoError::kNone) return EndWriting(outcome.error);
  Send();
}

void DescriptorPump::EndWriting(engine::IoError error) {
  const size_t dropped = queue_.size();
  queue_.Clear();
  writing_ = false;
  stream_.Consume(dropped);
  events_.OnWriteEnd(*this, error);
}

// ------------------------------------------------------------------- closing

void DescriptorPump::Close(engine::CloseMode mode) {
  if (!open() || closing_) return;
  closing_ = true;
  close_mode_ = mode;
  reading_ = false;
  writing_ = false;
  held_.Clear();
  packer_.Release();
  loop_.Cancel(receive_op_);
  loop_.Cancel(send_op_);
  loop_.Cancel(retry_op_);
  Join();
}

void DescriptorPump::Join() {
  if (receive_op_.in_flight() || send_op_.in_flight() || retry_op_.in_flight()) return;
  if (close_op_.in_flight()) return;
  const size_t dropped = queue_.size();
  queue_.Clear();
  stream_.Consume(dropped);
  loop_.Close(close_op_, socket_, close_mode_);
}

void DescriptorPump::OnClosed(engine::Closed) {
  socket_ = {};
  events_.OnPumpClosed(*this);  // Last: it may destroy this.
}

}  // namespace agent
