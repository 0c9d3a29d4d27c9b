#pragma once

#include <string>
#include <vector>

#include "engine/loop/loop.h"
#include "engine/net/secure_connection.h"
#include "relay/switchboard/leg.h"

namespace relay {

// SocketLeg is a connection whose TLS was laid aside. It closes by itself when both directions have
// ended.
class SocketLeg final : public Leg {
 public:
  SocketLeg(engine::Loop& loop, engine::DetachedSocket detached);
  ~SocketLeg() override;  // Requires: OnGone was called.

  void Start(Events& events) override { events_ = &events; }
  void Pull() override;
  bool has_room() const override { return waiting_.size() < kWaitingMax; }
  void Push(engine::BufferRef bytes) override;
  void Finish() override;
  void Cut() override;

 private:
  void OnReceived(engine::Received outcome);
  void OnSent(engine::Sent outcome);
  void OnRetry(engine::Fired outcome);
  void OnClosed(engine::Closed outcome);
  void StartSend();
  void ShutIfSent();
  void CloseIfDone();
  // Close is a join: every op in flight is cancelled and awaited, then the socket is closed.
  void Close(engine::CloseMode mode, std::string why);
  void Continue();

  engine::Loop& loop_;
  Events* events_ = nullptr;
  engine::Socket socket_;
  std::vector<engine::BufferRef> unread_;  // Came with the socket; the last one first.
  WaitingPieces waiting_;
  size_t sending_count_ = 0;  // Of waiting_, in the op.
  std::string why_;
  engine::CloseMode close_mode_ = engine::CloseMode::kOrderly;
  bool ended_ = false;      // The peer's end was read.
  bool finishing_ = false;  // Finish was called ...
  bool finished_ = false;   // ... and the end was sent.
  bool closing_ = false;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::TimerOp retry_op_;
  engine::CloseOp close_op_;
};

}  // namespace relay
