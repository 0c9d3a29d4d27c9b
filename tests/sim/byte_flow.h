// One connection of a program at either end of a forward: the program sends what both ends can
// compute, says its end, and looks at every byte that comes.
//
//     operator's machine                                            the node's
//     ByteFlow  --> forward, relay, agent --> accepted, header read --> ByteFlow
//
// The node's end may be a program that was started there: then it has a pair of pipes or a
// terminal, whose end is typed; the operator's end is what he types and sees.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/loop/loop.h"
#include "engine/loop/op.h"

namespace sim {

// FlowPlan is what one connection carries. It goes ahead of the bytes, to the other end.
struct FlowPlan {
  static constexpr size_t kSize = 40;

  uint64_t salt = 0;
  uint64_t up_bytes = 0;    // To the node, behind the plan itself.
  uint64_t down_bytes = 0;  // From it.
  uint64_t pause_us = 0;    // At most so long between two pieces.
  uint64_t session = 0;     // Whose it is: the world's number for its client.

  std::array<std::byte, kSize> Pack() const;
};

// FlowEnds is where a flow's bytes come from and go to.
struct FlowEnds {
  engine::Socket in;
  engine::Socket out;  // May be the same.
};

class ByteFlow {
 public:
  enum class Side : uint8_t { kProgram, kServer };
  enum class State : uint8_t {
    kRunning,
    kWhole,    // Everything was sent and came, and both ends said so in order.
    kRefused,  // Nobody took the connection.
    kBroken,   // It was reset.
  };
  static constexpr size_t kPiece = 8 * 1024;

  // Connects to `peer`.
  ByteFlow(engine::Loop& loop, const FlowPlan& plan, const engine::Address& peer);
  // Goes on with a connection that was accepted at that place.
  ByteFlow(engine::Loop& loop, engine::Socket accepted, std::string place);
  // Begins on a socket that is connected.
  ByteFlow(engine::Loop& loop, const FlowPlan& plan, engine::Socket connected);
  // Is a started program's, in that session. It does not end by itself, until LetEnd.
  ByteFlow(engine::Loop& loop, FlowEnds ends, std::string session_id);
  ~ByteFlow() = default;  // Requires: gone().

  // Abort resets it.
  void Abort();
  // HearEnd is the end of what comes on a terminal.
  void HearEnd();
  // Of a program: it has sent everything, and heard everything and the end.
  bool is_done() const { return said_end_ && heard_end_; }
  void LetEnd();
  // Blame and NoteProgress are for what is not bytes.
  void Blame(std::string problem) { problem_ = std::move(problem); }
  void NoteProgress() { progress_at_ = loop_.Now(); }

  const FlowPlan& plan() const { return plan_; }
  bool knows_plan() const { return side_ == Side::kProgram || read_ >= FlowPlan::kSize; }
  // Where it came out, at the node: a port or a session.
  const std::string& place() const { return place_; }
  State state() const { return state_; }
  bool gone() const {
    return state_ != State::kRunning && !socket_.valid() && !in_.valid() && !is_busy();
  }
  // What is against the rules: a byte that is wrong, an end that comes too early.
  const std::string& problem() const { return problem_; }
  uint64_t received_bytes() const { return read_; }
  engine::Instant progress_at() const { return progress_at_; }

 private:
  void OnConnected(engine::Connected outcome);
  void OnReceived(engine::Received outcome);
  void OnSent(engine::Sent outcome);
  void OnPauseOver(engine::Fired outcome);
  void OnClosed(engine::Closed) { CloseIfIdle(); }

  bool is_busy() const {
    return connect_op_.in_flight() || receive_op_.in_flight() || send_op_.in_flight() ||
           pause_op_.in_flight() || close_op_.in_flight();
  }
  uint64_t to_send() const;     // With the plan, from the program.
  uint64_t to_receive() const;  // With the plan, at the server.
  ByteFlow(engine::Loop& loop, Side side, const FlowPlan& plan, FlowEnds ends);
  void Receive();
  void Take(engine::ByteView bytes);
  void SendNext();
  void EndIfWhole();
  void End(State state);
  void CloseIfIdle();

  engine::Loop& loop_;
  const Side side_;
  FlowPlan plan_;
  std::string place_;
  engine::Socket socket_;
  engine::Socket in_;  // Where bytes come from, if that is another one.
  State state_ = State::kRunning;
  std::string problem_;
  std::array<std::byte, FlowPlan::kSize> header_{};
  std::vector<std::byte> piece_;
  engine::Random random_;
  uint64_t written_ = 0;
  uint64_t read_ = 0;
  bool is_terminal_ = false;
  bool may_end_ = true;
  bool said_end_ = false;
  bool heard_end_ = false;
  engine::Instant progress_at_{};
  engine::ConnectOp connect_op_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::TimerOp pause_op_;
  engine::CloseOp close_op_;
};

}  // namespace sim
