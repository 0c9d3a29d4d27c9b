#include "relay/switchboard/splice_joint.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace relay {

SpliceJoint::Direction::Direction(SpliceJoint& owner, engine::DetachedSocket side,
                                  const char* name_in)
    : joint(owner),
      from(side.socket),
      first(std::move(side.unread)),
      name(name_in),
      first_op(engine::Handler<engine::Sent>::To<&Direction::OnFirstSent>(this)),
      op(engine::Handler<engine::Forwarded>::To<&Direction::OnForwarded>(this)),
      close_op(engine::Handler<engine::Closed>::To<&Direction::OnClosed>(this)) {
  std::reverse(first.begin(), first.end());
}

SpliceJoint::SpliceJoint(engine::Loop& loop, engine::DetachedSocket client,
                         engine::DetachedSocket node, Joint::Events& events)
    : loop_(loop),
      events_(events),
      from_client_(*this, std::move(client), "the client's connection "),
      from_node_(*this, std::move(node), "the node's connection ") {
  Start(from_client_);
  Start(from_node_);
}

void SpliceJoint::Start(Direction& direction) {
  const engine::Socket to = Other(direction).from;
  if (direction.first.empty()) return loop_.Forward(direction.op, direction.from, to);
  const engine::ByteView bytes = direction.first.back().bytes();
  loop_.Send(direction.first_op, to, {&bytes, 1}, engine::SendMode::kCopy);
}

void SpliceJoint::FirstSent(Direction& direction, engine::Sent outcome) {
  direction.first_bytes += outcome.size;
  if (closing_) return FinishIfIdle();
  if (outcome.error != engine::IoError::kNone) {
    return Close(engine::CloseMode::kReset, std::string(Other(direction).name) + "broke");
  }
  direction.first.pop_back();
  Start(direction);
}

SpliceJoint::~SpliceJoint() {
  CHECK(!from_client_.from.valid());
  CHECK(!from_node_.from.valid());
}

void SpliceJoint::Cut() { Close(engine::CloseMode::kReset, "the connections were cut"); }

void SpliceJoint::Ended(Direction& direction, engine::Forwarded outcome) {
  direction.ended = true;
  if (closing_) return FinishIfIdle();
  Direction& other = Other(direction);
  if (outcome.error != engine::IoError::kEndOfStream) {
    const Direction& broken = outcome.at_sender ? direction : other;
    return Close(engine::CloseMode::kReset, std::string(broken.name) + "broke");
  }
  if (why_.empty()) why_ = std::string(direction.name) + "was closed";
  if (other.ended) return Close(engine::CloseMode::kOrderly, {});
  // A socket that broke meanwhile tells it in the other direction.
  static_cast<void>(loop_.Shutdown(other.from, engine::ShutdownSide::kSend));
  events_.OnJointHalfOver();
}

void SpliceJoint::Close(engine::CloseMode mode, std::string why) {
  if (std::exchange(closing_, true)) return;
  close_mode_ = mode;
  if (why_.empty()) why_ = std::move(why);
  for (Direction* each : {&from_client_, &from_node_}) {
    loop_.Cancel(each->first_op);
    loop_.Cancel(each->op);
  }
  FinishIfIdle();
}

void SpliceJoint::FinishIfIdle() {
  if (!closing_) return;
  for (const Direction* each : {&from_client_, &from_node_}) {
    if (each->in_flight() || each->close_op.in_flight()) return;
  }
  if (from_client_.from.valid()) {
    loop_.Close(from_client_.close_op, std::exchange(from_client_.from, {}), close_mode_);
    loop_.Close(from_node_.close_op, std::exchange(from_node_.from, {}), close_mode_);
    return;
  }
  events_.OnJointOver(std::move(why_));  // Last: it may destroy this.
}

}  // namespace relay
