// The far end of one of the relay's bare sockets, on the same simulated loop.

#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/loop/loop.h"

namespace relay {

class BarePeer {
 public:
  BarePeer(engine::Loop& loop, engine::Socket socket) : loop_(loop), socket_(socket) { Receive(); }
  BarePeer(const BarePeer&) = delete;
  BarePeer& operator=(const BarePeer&) = delete;

  // Say sends bytes behind those that wait; Finish ends what is sent, behind all of them.
  void Say(std::string_view bytes) {
    waiting_ += bytes;
    Send();
  }
  void Finish() {
    finishing_ = true;
    Send();
  }

  // Pause stops reading with the piece that is being received.
  void Pause() { reads_ = false; }
  void ReadOn() {
    reads_ = true;
    Receive();
  }

  // Close closes it when no op is in flight any more.
  void Close(engine::CloseMode mode = engine::CloseMode::kOrderly) {
    closing_ = true;
    close_mode_ = mode;
    loop_.Cancel(receive_op_);
    loop_.Cancel(send_op_);
    CloseIfIdle();
  }
  bool closed() const { return !socket_.valid() && !close_op_.in_flight(); }

  std::string heard;
  bool ended = false;      // The other end finished ...
  bool was_reset = false;  // ... or reset the connection.
  size_t said_size = 0;    // Taken by the kernel.

 private:
  void Receive() {
    if (closing_ || !reads_ || ended || was_reset || receive_op_.in_flight()) return;
    loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  }
  void OnReceived(engine::Received outcome) {
    if (outcome.error == engine::IoError::kNone) {
      heard += engine::AsText(outcome.data.bytes());
    } else if (outcome.error == engine::IoError::kEndOfStream) {
      ended = true;
    } else if (outcome.error != engine::IoError::kCanceled &&
               outcome.error != engine::IoError::kNoBuffers) {
      was_reset = true;
    }
    if (closing_) return CloseIfIdle();
    Receive();
  }
  void Send() {
    if (closing_ || was_reset || send_op_.in_flight()) return;
    if (!waiting_.empty()) {
      sending_ = std::exchange(waiting_, {});
      const engine::ByteView bytes = engine::AsBytes(sending_);
      return loop_.Send(send_op_, socket_, {&bytes, 1}, engine::SendMode::kCopy);
    }
    if (finishing_ && !std::exchange(finished_, true)) {
      static_cast<void>(loop_.Shutdown(socket_, engine::ShutdownSide::kSend));
    }
  }
  void OnSent(engine::Sent outcome) {
    said_size += outcome.size;
    if (closing_) return CloseIfIdle();
    if (outcome.error == engine::IoError::kNone) Send();
  }
  void CloseIfIdle() {
    if (receive_op_.in_flight() || send_op_.in_flight() || !socket_.valid()) return;
    loop_.Close(close_op_, std::exchange(socket_, {}), close_mode_);
  }
  void OnClosed(engine::Closed) {}

  engine::Loop& loop_;
  engine::Socket socket_;
  std::string waiting_;
  std::string sending_;
  bool reads_ = true;
  bool finishing_ = false;
  bool finished_ = false;
  bool closing_ = false;
  engine::CloseMode close_mode_ = engine::CloseMode::kOrderly;
  engine::ReceiveOp receive_op_{engine::Handler<engine::Received>::To<&BarePeer::OnReceived>(this)};
  engine::SendOp send_op_{engine::Handler<engine::Sent>::To<&BarePeer::OnSent>(this)};
  engine::CloseOp close_op_{engine::Handler<engine::Closed>::To<&BarePeer::OnClosed>(this)};
};

}  // namespace relay
