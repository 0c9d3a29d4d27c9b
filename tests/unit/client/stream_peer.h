// The other end of one of our standard streams, on a simulated loop.

#pragma once

#include <string>
#include <utility>

#include "engine/sim/sim_loop.h"

namespace client {

class StreamPeer {
 public:
  StreamPeer(engine::sim::SimLoop& loop, engine::Socket socket)
      : loop_(loop),
        socket_(socket),
        receive_op_(engine::Handler<engine::Received>::To<&StreamPeer::OnReceived>(this)),
        send_op_(engine::Handler<engine::Sent>::To<&StreamPeer::OnSent>(this)),
        close_op_(engine::Handler<engine::Closed>::To<&StreamPeer::OnClosed>(this)) {}

  void Read() { loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce); }
  void Type(std::string text) {
    typed_ = std::move(text);
    const engine::ByteView bytes = engine::AsBytes(typed_);
    loop_.Send(send_op_, socket_, {&bytes, 1}, engine::SendMode::kCopy);
  }
  void Finish() { loop_.Shutdown(socket_, engine::ShutdownSide::kSend); }
  void Close(engine::CloseMode mode = engine::CloseMode::kOrderly) {
    if (std::exchange(closing_, true)) return;
    mode_ = mode;
    loop_.Cancel(receive_op_);
    loop_.Cancel(send_op_);
    CloseIfIdle();
  }
  bool idle() const {
    return !receive_op_.in_flight() && !send_op_.in_flight() && !close_op_.in_flight();
  }
  bool sent() const { return !send_op_.in_flight(); }

  std::string read;
  size_t read_max = SIZE_MAX;
  bool ended = false;  // The end of what is read came.

 private:
  void CloseIfIdle() {
    if (!receive_op_.in_flight() && !send_op_.in_flight()) loop_.Close(close_op_, socket_, mode_);
  }
  void OnReceived(engine::Received outcome) {
    if (closing_) return CloseIfIdle();
    if (outcome.error != engine::IoError::kNone) {
      ended = outcome.error == engine::IoError::kEndOfStream;
      return;
    }
    read += engine::AsText(outcome.data.bytes());
    if (read.size() < read_max) Read();
  }
  void OnSent(engine::Sent) {
    if (closing_) CloseIfIdle();
  }
  void OnClosed(engine::Closed) {}

  engine::sim::SimLoop& loop_;
  engine::Socket socket_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::CloseOp close_op_;
  std::string typed_;
  bool closing_ = false;
  engine::CloseMode mode_{};
};

}  // namespace client
