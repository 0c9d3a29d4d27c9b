#pragma once

#include <string>
#include <vector>

#include "engine/loop/loop.h"
#include "engine/loop/op.h"
#include "engine/net/secure_connection.h"
#include "relay/switchboard/joint.h"

namespace relay {

// SpliceJoint moves bytes between two bare sockets without looking at them: one Loop::Forward each
// way. For lanes of which both sides have laid TLS aside. What an end point said right after
// `joined`, while this process was still laying its TLS aside, came with the socket and goes first.
//
//     forwarding --both directions ended, or one failed, or Cut--> closing --> over
class SpliceJoint final : public Joint {
 public:
  // Starts at once, and owns both sockets.
  SpliceJoint(engine::Loop& loop, engine::DetachedSocket client, engine::DetachedSocket node,
              Joint::Events& events);
  ~SpliceJoint() override;  // Requires: OnJointOver was called.

  void Cut() override;
  uint64_t to_node_bytes() const override { return from_client_.sent_bytes(); }
  uint64_t to_client_bytes() const override { return from_node_.sent_bytes(); }

 private:
  // Direction is what one side sends.
  struct Direction {
    Direction(SpliceJoint& owner, engine::DetachedSocket side, const char* name_in);
    uint64_t sent_bytes() const { return first_bytes + op.state.moved; }
    bool in_flight() const { return op.in_flight() || first_op.in_flight(); }
    void OnFirstSent(engine::Sent outcome) { joint.FirstSent(*this, outcome); }
    void OnForwarded(engine::Forwarded outcome) { joint.Ended(*this, outcome); }
    void OnClosed(engine::Closed) { joint.FinishIfIdle(); }

    SpliceJoint& joint;
    engine::Socket from;
    std::vector<engine::BufferRef> first;  // Of `from`, read already; the last one first.
    uint64_t first_bytes = 0;              // Of these, passed on.
    const char* name;                      // For people: whose connection it is.
    bool ended = false;
    engine::SendOp first_op;
    engine::ForwardOp op;
    engine::CloseOp close_op;  // Of `from`.
  };

  // Start passes on what was read already, one piece after the other, and then forwards.
  void Start(Direction& direction);
  void FirstSent(Direction& direction, engine::Sent outcome);
  void Ended(Direction& direction, engine::Forwarded outcome);
  // Close is a join: both ops are cancelled and awaited, then both sockets are closed.
  void Close(engine::CloseMode mode, std::string why);
  void FinishIfIdle();
  Direction& Other(Direction& direction) {
    return &direction == &from_client_ ? from_node_ : from_client_;
  }

  engine::Loop& loop_;
  Joint::Events& events_;
  Direction from_client_;
  Direction from_node_;
  bool closing_ = false;
  engine::CloseMode close_mode_ = engine::CloseMode::kOrderly;
  std::string why_;
};

}  // namespace relay
