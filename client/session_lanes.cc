#include "client/session_lanes.h"

#include <algorithm>
#include <utility>

#include "client/say.h"
#include "engine/base/check.h"

namespace client {

SessionLanes::SessionLanes(LaneLoops& loops, LinkTarget target, std::string request,
                           LaneSource& lane_source, Count count, Events& events)
    : loops_(loops),
      target_(std::move(target)),
      request_(std::move(request)),
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
  const LaneName name{static_cast<LaneListener*>(this), dialled_count_};
  LaneLoop& on = loops_.ForLane(dialled_count_++);
  lanes_.push_back(std::make_unique<Lane>(on, name));
  auto plan = std::make_unique<LanePlan>(LanePlan{
      .name = name, .home = &loops_.home().mailbox(), .target = target_, .request = request_});
  plan->target.ticket = std::move(ticket);
  target_.calls = nullptr;  // They were made on the first lane's loop, and are its alone.
  on.Dial(std::move(plan));
}

SessionLanes::Lane& SessionLanes::Find(uint32_t number) {
  const auto lane =
      std::ranges::find_if(lanes_, [&](const auto& l) { return l->name.number == number; });
  CHECK(lane != lanes_.end());
  return **lane;
}

size_t SessionLanes::up_count() const {
  return static_cast<size_t>(std::ranges::count_if(lanes_, [](const auto& l) { return !l->down; }));
}

void SessionLanes::Close() {
  if (std::exchange(closing_, true)) return;
  if (asking_count_ > 0) lane_source_.HurryLanes(target_.session_id);
  loop().Cancel(lost_lane_op_);
  for (const auto& lane : lanes_) lane->loop.Order(lane->name, LaneOrder::kClose);
}

void SessionLanes::Abort() {
  Close();
  for (const auto& lane : lanes_) lane->loop.Order(lane->name, LaneOrder::kAbort);
}

void SessionLanes::OnLaneReady(Ready ready) {
  Lane& lane = Find(ready.lane);
  lane.in_set = true;
  lane.number = set_.Add(lane);
  // What it took to get there need not be found out again.
  target_.ticket.loop = ready.loop;
  target_.wrapped = ready.wrapped;
  if (!ready_ && !closing_) {
    while (lanes_.size() + asking_count_ < count_.at_start) AskForLane();
  }
  TellWhenReady();
}

// ------------------------------------------------------------- what lanes say

void SessionLanes::OnLaneAsks(uint32_t lane) {
  lane_source_.AskForLane(target_.session_id, [&loop = Find(lane).loop, name = Find(lane).name](
                                                  absl::StatusOr<LaneTicket> ticket) {
    loop.Answer(name, std::move(ticket));
  });
}

void SessionLanes::OnLaneRejoins(Rejoin rejoin) {
  Lane& lane = Find(rejoin.lane);
  lane_source_.AskToRejoin(
      target_.session_id, rejoin.named,
      [&loop = lane.loop, name = lane.name](absl::StatusOr<LaneTicket> ticket) {
        loop.Answer(name, std::move(ticket));
      });
}

void SessionLanes::OnLaneHurries(uint32_t) { lane_source_.HurryLanes(target_.session_id); }

void SessionLanes::OnLaneBulk(uint32_t lane) { set_.NoteBulk(Find(lane).number, loop().Now()); }

void SessionLanes::OnConnectionRefused(std::unique_ptr<Refusal> refusal) {
  events_.OnConnectionRefused(refusal->code, refusal->text);
}

void SessionLanes::OnConnectionNotTaken(NotTaken connection) {
  events_.OnConnectionNotTaken(Find(connection.lane).number, connection.connection);
}

void SessionLanes::OnConnectionOver(uint32_t lane) { events_.OnConnectionOver(Find(lane).number); }

// --------------------------------------------------------------------- lanes

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
    if (closing_ || up_count() == 0) return EndIfOver();
    if (ticket.ok()) return AddLane(*std::move(ticket));
    GiveUpOnLanes(TextOf(ticket.status()));
  });
}

void SessionLanes::GiveUpOnLanes(const std::string& why) {
  if (count_.at_start > 1 && count_.max > up_count()) {
    Say("the session on " + Printable(target_.node_label) + " has fewer than the " +
        std::to_string(count_.at_start) + " lanes that were asked for: " + why);
  }
  count_.max = std::max<size_t>(1, up_count());
  count_.at_start = std::min(count_.at_start, count_.max);
  TellWhenReady();
}

void SessionLanes::OnLaneDown(std::unique_ptr<Down> down) {
  Lane& lane = Find(down->lane);
  lane.down = true;
  if (lane.in_set) set_.Close(lane.number);
  lane.loop.Order(lane.name, LaneOrder::kLeave);
  if (!closing_ && up_count() > 0) {
    if (lane.in_set) {
      ++lost_count_;
      if (!lost_lane_op_.in_flight()) {
        loop().StartTimer(lost_lane_op_, loop().Now() + kLostLanePause);
      }
    } else {
      GiveUpOnLanes(down->end.text);
    }
    return;
  }
  end_ = down->end;
  if (asking_count_ > 0) lane_source_.HurryLanes(target_.session_id);
  loop().Cancel(lost_lane_op_);
  EndIfOver();
}

void SessionLanes::OnLaneGone(uint32_t number) {
  Lane& lane = Find(number);
  if (lane.in_set) set_.Remove(lane.number);
  std::erase_if(lanes_, [&](const auto& l) { return l->name.number == number; });
}

void SessionLanes::OnLostLanePause(engine::Fired outcome) {
  if (up_count() == 0 || closing_ || outcome.error != engine::IoError::kNone) return EndIfOver();
  Say((lost_count_ == 1 ? std::string("a lane") : std::to_string(lost_count_) + " lanes") +
      " of the session on " + Printable(target_.node_label) +
      " broke, and the connections on it were reset; the session goes on");
  lost_count_ = 0;
}

void SessionLanes::EndIfOver() {
  if (up_count() > 0 || asking_count_ > 0 || lost_lane_op_.in_flight() || ended_) return;
  ended_ = true;
  events_.OnLanesEnded(closing_ ? LinkEnd{} : end_);  // Last: it may destroy this.
}

}  // namespace client
