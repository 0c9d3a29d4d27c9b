#include "agent/succession/generation_link.h"

#include <chrono>
#include <utility>

#include "engine/base/check.h"

namespace agent {
namespace {

constexpr engine::Duration kExhaustedPause = std::chrono::milliseconds(5);

}  // namespace

GenerationLink::GenerationLink(engine::Loop& loop, int descriptor, Events& events)
    : loop_(loop),
      events_(events),
      socket_(loop.Adopt(descriptor)),
      receive_op_(engine::Handler<engine::Received>::To<&GenerationLink::OnReceived>(this)),
      send_op_(engine::Handler<engine::Sent>::To<&GenerationLink::OnSent>(this)),
      retry_op_(engine::Handler<engine::Fired>::To<&GenerationLink::OnRetry>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&GenerationLink::OnClosed>(this)) {
  Receive();
}

GenerationLink::~GenerationLink() { CHECK(closed_); }

// ------------------------------------------------------------------- receiving

void GenerationLink::Receive() { loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce); }

void GenerationLink::OnReceived(engine::Received outcome) {
  if (closing_) return Join();
  if (outcome.error == engine::IoError::kNoBuffers) {
    return loop_.StartTimer(retry_op_, loop_.Now() + kExhaustedPause);
  }
  if (outcome.error != engine::IoError::kNone) return End();
  const engine::ByteView bytes = outcome.data.bytes();
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    received_ += rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const std::string line = std::exchange(received_, {});
    events_.OnLine(*this, line);
    if (closing_) return Join();
  }
  received_ += rest;
  if (received_.size() > kLineMax) return End();
  Receive();
}

void GenerationLink::OnRetry(engine::Fired) { closing_ ? Join() : Receive(); }

void GenerationLink::End() {
  if (std::exchange(has_ended_, true)) return;
  events_.OnEnd(*this);
}

// --------------------------------------------------------------------- sending

bool GenerationLink::Send(std::string_view line) {
  CHECK(line.find('\n') == std::string_view::npos);
  if (closing_ || finishing_ || is_broken_) return false;
  if (queued_.size() + line.size() >= kQueuedMax) return false;
  queued_ += line;
  queued_ += '\n';
  SendQueued();
  return true;
}

void GenerationLink::Finish() {
  finishing_ = true;
  if (!closing_) SendQueued();
}

void GenerationLink::SendQueued() {
  if (send_op_.in_flight()) return;
  if (queued_.empty()) {
    // Of an end that is gone already, nobody is to know.
    if (finishing_) (void)loop_.Shutdown(socket_, engine::ShutdownSide::kSend);
    return;
  }
  sending_ = std::exchange(queued_, {});
  const engine::ByteView bytes = engine::AsBytes(sending_);
  loop_.Send(send_op_, socket_, std::span(&bytes, 1), engine::SendMode::kCopy);
}

void GenerationLink::OnSent(engine::Sent outcome) {
  sending_.clear();
  if (closing_) return Join();
  if (outcome.error == engine::IoError::kNone) return SendQueued();
  is_broken_ = true;  // Who receives learns of it, too.
  queued_.clear();
}

// --------------------------------------------------------------------- the end

void GenerationLink::Close() {
  if (std::exchange(closing_, true)) return;
  loop_.Cancel(receive_op_);
  loop_.Cancel(send_op_);
  loop_.Cancel(retry_op_);
  Join();
}

void GenerationLink::Join() {
  if (receive_op_.in_flight() || send_op_.in_flight() || retry_op_.in_flight()) return;
  if (close_op_.in_flight() || closed_) return;
  loop_.Close(close_op_, socket_);
}

void GenerationLink::OnClosed(engine::Closed) { closed_ = true; }

}  // namespace agent
