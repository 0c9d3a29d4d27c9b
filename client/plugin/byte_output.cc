#include "client/plugin/byte_output.h"

#include "engine/base/check.h"

namespace client {

ByteOutput::ByteOutput(engine::Loop& loop, engine::Socket socket, Events& events)
    : loop_(loop),
      socket_(socket),
      events_(events),
      send_op_(engine::Handler<engine::Sent>::To<&ByteOutput::OnSent>(this)) {}

void ByteOutput::Append(engine::ByteView bytes) {
  if (is_over_ || bytes.empty()) return;
  CHECK(!IsFull());
  waiting_ += engine::AsText(bytes);
  if (!send_op_.in_flight()) StartSend();
}

void ByteOutput::StartSend() {
  sending_.swap(waiting_);
  const engine::ByteView bytes = engine::AsBytes(sending_);
  loop_.Send(send_op_, socket_, {&bytes, 1}, engine::SendMode::kCopy);
}

void ByteOutput::OnSent(engine::Sent outcome) {
  sending_.clear();
  if (is_over_ || outcome.error != engine::IoError::kNone) {
    const engine::IoError error = is_over_ ? engine::IoError::kCanceled : outcome.error;
    is_over_ = true;
    waiting_.clear();
    return events_.OnOutputFailed(*this, error);
  }
  if (!waiting_.empty()) StartSend();
  events_.OnOutputMoved(*this);
}

void ByteOutput::Stop() {
  if (is_over_) return;
  is_over_ = true;
  waiting_.clear();
  loop_.Cancel(send_op_);
}

}  // namespace client
