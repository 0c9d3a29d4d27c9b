#include "client/session_lanes.h"

#include <algorithm>
#include <utility>

#include "client/say.h"
#include "engine/base/check.h"

namespace client {

SessionLanes::SessionLanes(engine::LoopDriver& driver, LinkTarget target, LaneSource& lane_source,
                           Count count, Events& events)
    : driver_(driver),
      target_(std::move(target)),
      lane_source_(lane_source),
      count_(target_.node_context == nullptr ? Count{} : count),
      events_(events),
      set_(static_cast<LaneSet::Events&>(*this)),
      lost_lane_op_(engine::Handler<engine::Fired>::To<&SessionLanes::OnLostLanePause>(this)) {
  CHECK(count_.at_start >= 1);
  CHECK(count_.at_start <= count_.max);
  CHECK(count_.max <= LaneSet::kLanesMax);
  lanes_.reserve(count_.max);
}

SessionLanes::~SessionLanes() {
  CHECK(lanes_.empty());
  CHECK(asking_count_ == 0);
}

void SessionLanes::Dial() { AddLane(target_.ticket); }

void SessionLanes::AddLane(LaneTicket ticket) {
  LinkTarget target = target_;
  target.ticket = std::move(ticket);
  lanes_.push_back({.link = std::make_unique<SessionLink>(driver_, std::move(target), lane_source_,
                                                          static_cast<SessionLink::Events&>(*this)),
                    .in_set = false,
                    .number = 0});
  lanes_.back().link->Dial();  // Last: it may end at once.
}

void SessionLanes::Close() {
  if (std::exchange(closing_, true)) return;
  if (asking_count_ > 0) lane_source_.HurryLanes(target_.session_id);
  driver_.loop().Cancel(lost_lane_op_);
  for (const Lane& lane : lanes_) lane.link->Close();
}

void SessionLanes::Abort() {
  Close();
  for (const Lane& lane : lanes_) lane.link->Abort();
}

void SessionLanes::OnLinkReady(SessionLink& link) {
  const auto lane =
      std::ranges::find_if(lanes_, [&](const Lane& l) { return l.link.get() == &link; });
  CHECK(lane != lanes_.end());
  lane->in_set = true;
  lane->number = set_.Add(link.multiplexer());
  // What it took to get there need not be found out again.
  target_.ticket.loop = link.target().ticket.loop;
  target_.wrapped = link.target().wrapped;
  if (!ready_ && !closing_) {
    while (lanes_.size() + asking_count_ < count_.at_start) AskForLane();
  }
  TellWhenReady();
}

void SessionLanes::TellWhenReady() {
  if (ready_ || closing_ || set_.count() == 0 || opening_count() > 0) return;
  ready_ = true;
  events_.OnLanesReady();
}

void SessionLanes::OnEveryLaneBusy() {
  if (!ready_ || closing_ || opening_count() > 0 || lanes_.size() >= count_.max) return;
  AskForLane();
}

void SessionLanes::AskForLane() {
  ++asking_count_;
  lane_source_.AskForLane(target_.session_id, [this](absl::StatusOr<LaneTicket> ticket) {
    --asking_count_;
    if (closing_ || lanes_.empty()) return EndIfOver();
    if (ticket.ok()) return AddLane(*std::move(ticket));
    GiveUpOnLanes(TextOf(ticket.status()));
  });
}

void SessionLanes::GiveUpOnLanes(const std::string& why) {
  if (count_.at_start > 1 && count_.max > lanes_.size()) {
    Say("the session on " + Printable(target_.node_label) + " has fewer than the " +
        std::to_string(count_.at_start) + " lanes that were asked for: " + why);
  }
  count_.max = std::max<size_t>(1, lanes_.size());
  count_.at_start = std::min(count_.at_start, count_.max);
  TellWhenReady();
}

void SessionLanes::OnLinkEnded(SessionLink& link, const LinkEnd& end) {
  const auto lane =
      std::ranges::find_if(lanes_, [&](const Lane& l) { return l.link.get() == &link; });
  CHECK(lane != lanes_.end());
  const bool was_in_set = lane->in_set;
  if (was_in_set) set_.Remove(lane->number);
  lanes_.erase(lane);
  if (!closing_ && !lanes_.empty()) {
    if (was_in_set) {
      ++lost_count_;
      if (!lost_lane_op_.in_flight()) {
        driver_.loop().StartTimer(lost_lane_op_, driver_.loop().Now() + kLostLanePause);
      }
    } else {
      GiveUpOnLanes(end.text);
    }
    return;
  }
  end_ = end;
  if (asking_count_ > 0) lane_source_.HurryLanes(target_.session_id);
  driver_.loop().Cancel(lost_lane_op_);
  EndIfOver();
}

void SessionLanes::OnLostLanePause(engine::Fired outcome) {
  if (lanes_.empty() || closing_ || outcome.error != engine::IoError::kNone) return EndIfOver();
  Say((lost_count_ == 1 ? std::string("a lane") : std::to_string(lost_count_) + " lanes") +
      " of the session on " + Printable(target_.node_label) +
      " broke, and the connections on it were reset; the session goes on");
  lost_count_ = 0;
}

void SessionLanes::EndIfOver() {
  if (!lanes_.empty() || asking_count_ > 0 || lost_lane_op_.in_flight() || ended_) return;
  ended_ = true;
  events_.OnLanesEnded(closing_ ? LinkEnd{} : end_);  // Last: it may destroy this.
}

}  // namespace client
