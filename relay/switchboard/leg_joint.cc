#include "relay/switchboard/leg_joint.h"

#include <utility>

namespace relay {

LegJoint::LegJoint(std::unique_ptr<Leg> client, std::unique_ptr<Leg> node, Joint::Events& events)
    : events_(events) {
  sides_[kClient].leg = std::move(client);
  sides_[kNode].leg = std::move(node);
  bool is_whole = true;
  for (Side& side : sides_) {
    if (side.leg != nullptr) {
      side.leg->Start(*this);
    } else {
      side.is_finished = side.is_gone = true;
      is_whole = false;
    }
  }
  if (!is_whole) {
    Cut();
    return;
  }
  for (const Side& side : sides_) side.leg->Pull();
}

void LegJoint::Cut() {
  if (why_.empty()) why_ = "the connections were cut";
  for (const Side& side : sides_) {
    if (!side.is_gone) side.leg->Cut();
  }
}

void LegJoint::OnBytes(Leg& leg, engine::BufferRef bytes) {
  Side& side = sides_[IndexOf(leg)];
  const Side& other = sides_[1 - IndexOf(leg)];
  // What comes for somebody who is gone is read all the same, up to its end.
  if (other.is_gone) return leg.Pull();
  side.sent_bytes += bytes.size();
  other.leg->Push(std::move(bytes));
  side.is_stalled = !other.leg->has_room();
  if (!side.is_stalled) leg.Pull();
}

void LegJoint::OnRoom(Leg& leg) {
  Side& other = sides_[1 - IndexOf(leg)];
  if (other.is_gone || !std::exchange(other.is_stalled, false)) return;
  other.leg->Pull();
}

void LegJoint::OnFinished(Leg& leg) { EndSide(IndexOf(leg), "was closed"); }

void LegJoint::OnGone(Leg& leg, std::string_view why) {
  const size_t index = IndexOf(leg);
  Side& other = sides_[1 - index];
  sides_[index].is_gone = true;
  EndSide(index, why);
  if (other.is_gone) return events_.OnJointOver(std::move(why_));  // Last: it may destroy this.
  if (std::exchange(other.is_stalled, false)) other.leg->Pull();
}

// EndSide passes on that a side sends no more.
void LegJoint::EndSide(size_t index, std::string_view why) {
  if (std::exchange(sides_[index].is_finished, true)) return;
  if (why_.empty()) {
    why_ = index == kClient ? "the client's connection " : "the node's connection ";
    why_ += why;
  }
  if (!sides_[1 - index].is_gone) sides_[1 - index].leg->Finish();
  events_.OnJointHalfOver();
}

}  // namespace relay
