#include "relay/switchboard/lane.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "relay/switchboard/leg_joint.h"
#include "relay/switchboard/socket_leg.h"
#include "relay/switchboard/splice_joint.h"

namespace relay {

using engine::CloseCode;

namespace {

CloseCode LeftCode(LaneSide side) {
  return side == LaneSide::kNode ? CloseCode::kNodeGone : CloseCode::kSessionEnded;
}

std::string LeftText(LaneSide side, std::string_view why) {
  std::string text = side == LaneSide::kClient ? "the client left before the lane was joined"
                                               : "the node left before the lane was joined";
  if (!why.empty()) text += ": " + std::string(why);
  return text;
}

}  // namespace

Lane::Lane(engine::Loop& loop, const LaneGrant& grant, Owner& owner)
    : loop_(loop),
      grant_(grant),
      owner_(owner),
      deadline_(loop.Now() + grant.join_max),
      timer_op_(engine::Handler<engine::Fired>::To<&Lane::OnTimer>(this)) {
  loop_.StartTimer(timer_op_, deadline_);
}

bool Lane::IsOpenFor(LaneSide side) const {
  return phase_ == Phase::kWaiting && !sides_[static_cast<size_t>(side)].is_claimed;
}

void Lane::Claim(LaneSide side, Joiner& joiner) {
  CHECK(IsOpenFor(side));
  At(side).is_claimed = true;
  At(side).joiner = &joiner;
  if (side == LaneSide::kClient) source_address_ = joiner.source_address();
  if (sides_[0].is_claimed && sides_[1].is_claimed) JoinBoth();
}

void Lane::JoinBoth() {
  for (const LaneSide side : {LaneSide::kClient, LaneSide::kNode}) {
    if (!At(side).joiner->is_open()) return Drop(LeftCode(side), LeftText(side, {}));
  }
  for (const Side& side : sides_) {
    if (side.joiner->is_early()) {
      return Drop(CloseCode::kProtocolError, "something was sent before the lane was joined");
    }
  }
  phase_ = Phase::kJoining;
  SetDeadline(engine::Instant::max());  // Laying TLS aside has a deadline of its own.
  for (Side& side : sides_) side.is_ready = !side.joiner->Join();
  StartIfReady();
}

void Lane::Detached(LaneSide side, engine::DetachedSocket detached) {
  CHECK(phase_ == Phase::kJoining);
  At(side).joiner = nullptr;
  At(side).detached = std::move(detached);
  At(side).is_ready = true;
  StartIfReady();
}

void Lane::StartIfReady() {
  if (!sides_[0].is_ready || !sides_[1].is_ready) return;
  phase_ = Phase::kJoined;
  was_joined_ = true;
  owner_.OnLaneJoined(*this, source_address_);
  Side& client = At(LaneSide::kClient);
  Side& node = At(LaneSide::kNode);
  if (client.detached.socket.valid() && node.detached.socket.valid()) {
    joint_ = std::make_unique<SpliceJoint>(loop_, std::exchange(client.detached, {}),
                                           std::exchange(node.detached, {}),
                                           static_cast<Joint::Events&>(*this));
    return;
  }
  joint_ = std::make_unique<LegJoint>(TakeLeg(LaneSide::kClient), TakeLeg(LaneSide::kNode),
                                      static_cast<Joint::Events&>(*this));
}

std::unique_ptr<Leg> Lane::TakeLeg(LaneSide side) {
  Joiner* joiner = std::exchange(At(side).joiner, nullptr);
  if (joiner != nullptr) return joiner->TakeLeg();
  if (!At(side).detached.socket.valid()) return nullptr;
  return std::make_unique<SocketLeg>(loop_, std::move(At(side).detached));
}

void Lane::Gone(LaneSide side, std::string_view why) {
  At(side).joiner = nullptr;
  Drop(LeftCode(side), LeftText(side, why));
}

void Lane::Drop(CloseCode code, std::string_view reason) {
  if (reason_.empty()) reason_ = reason;
  const bool is_joining = std::exchange(phase_, Phase::kJoined) == Phase::kJoining;
  for (Side& side : sides_) {
    Joiner* joiner = std::exchange(side.joiner, nullptr);
    if (joiner == nullptr) continue;
    is_joining ? joiner->Cut() : joiner->Refuse(code, reason);
  }
  std::unique_ptr<Leg> client = TakeLeg(LaneSide::kClient);
  std::unique_ptr<Leg> node = TakeLeg(LaneSide::kNode);
  if (client == nullptr && node == nullptr) return Over(reason_);
  joint_ = std::make_unique<LegJoint>(std::move(client), std::move(node),
                                      static_cast<Joint::Events&>(*this));
}

void Lane::End(CloseCode code, std::string_view reason) {
  switch (phase_) {
    case Phase::kWaiting:
    case Phase::kJoining:
      return Drop(code, reason);
    case Phase::kJoined:
      if (reason_.empty()) reason_ = reason;
      return SetDeadline(std::min(deadline_, loop_.Now() + kCutGrace));
    case Phase::kOver:
      return;
  }
}

void Lane::Cut(std::string_view reason) {
  if (phase_ != Phase::kJoined) return End(CloseCode::kShuttingDown, reason);
  if (reason_.empty()) reason_ = reason;
  joint_->Cut();
}

void Lane::OnJointHalfOver() { SetDeadline(std::min(deadline_, loop_.Now() + kLingerMax)); }

void Lane::OnJointOver(std::string why) { Over(reason_.empty() ? std::move(why) : reason_); }

void Lane::Over(std::string reason) {
  phase_ = Phase::kOver;
  LaneEnd end{.was_joined = was_joined_, .reason = std::move(reason)};
  if (joint_ != nullptr) {
    end.to_node_bytes = joint_->to_node_bytes();
    end.to_client_bytes = joint_->to_client_bytes();
  }
  owner_.OnLaneOver(*this, std::move(end));
  if (timer_op_.in_flight()) return loop_.Cancel(timer_op_);
  owner_.OnLaneIdle(*this);  // Last: it may destroy this.
}

// A timer that is armed for later than needed is cancelled, and armed anew when it completes.
void Lane::SetDeadline(engine::Instant deadline) {
  const bool is_sooner = deadline < deadline_;
  deadline_ = deadline;
  if (timer_op_.in_flight()) {
    if (is_sooner) loop_.Cancel(timer_op_);
  } else if (deadline_ != engine::Instant::max()) {
    loop_.StartTimer(timer_op_, deadline_);
  }
}

void Lane::OnTimer(engine::Fired) {
  if (phase_ == Phase::kOver) return owner_.OnLaneIdle(*this);
  if (loop_.Now() < deadline_) {
    if (deadline_ != engine::Instant::max()) loop_.StartTimer(timer_op_, deadline_);
    return;
  }
  deadline_ = engine::Instant::max();
  if (phase_ == Phase::kWaiting) {
    return Drop(CloseCode::kTimedOut, "the other side did not come in time");
  }
  if (phase_ == Phase::kJoined) joint_->Cut();
}

}  // namespace relay
