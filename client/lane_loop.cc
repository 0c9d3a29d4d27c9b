#include "client/lane_loop.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace client {

LaneLoop::~LaneLoop() { CHECK(lanes_.empty()); }

// Post cannot fail; see ForwardLane::Tell.
template <auto kMethod, class Letter>
void LaneLoop::Post(Letter letter) {
  CHECK(driver_.mailbox().Post<kMethod>(this, std::move(letter)));
}

void LaneLoop::Dial(std::unique_ptr<LanePlan> plan) { Post<&LaneLoop::OnDial>(std::move(plan)); }

void LaneLoop::Take(const LaneName& lane, LocalConnection connection) {
  Post<&LaneLoop::OnTake>(TakeLetter{lane, connection});
}

void LaneLoop::Order(const LaneName& lane, LaneOrder order) {
  Post<&LaneLoop::OnOrder>(OrderLetter{lane, order});
}

void LaneLoop::Answer(const LaneName& lane, absl::StatusOr<LaneTicket> ticket) {
  Post<&LaneLoop::OnAnswer>(std::make_unique<AnswerLetter>(AnswerLetter{lane, std::move(ticket)}));
}

void LaneLoop::OnDial(std::unique_ptr<LanePlan> plan) {
  lanes_.push_back(std::make_unique<ForwardLane>(driver_, std::move(plan),
                                                 static_cast<ForwardLane::Owner&>(*this)));
  lanes_.back()->Dial();
}

void LaneLoop::OnTake(TakeLetter letter) {
  ForwardLane* lane = Find(letter.lane);
  CHECK(lane != nullptr);  // It leaves after the last one.
  lane->Take(letter.connection);
}

void LaneLoop::OnOrder(OrderLetter letter) {
  ForwardLane* lane = Find(letter.lane);
  if (lane != nullptr) lane->Obey(letter.order);  // Otherwise it went meanwhile.
}

void LaneLoop::OnAnswer(std::unique_ptr<AnswerLetter> letter) {
  ForwardLane* lane = Find(letter->lane);
  CHECK(lane != nullptr);  // It does not end while it asks.
  lane->Answer(std::move(letter->ticket));
}

ForwardLane* LaneLoop::Find(const LaneName& name) {
  const auto lane =
      std::ranges::find_if(lanes_, [&](const auto& each) { return each->name() == name; });
  return lane == lanes_.end() ? nullptr : lane->get();
}

void LaneLoop::OnLaneGone(ForwardLane& lane) { Post<&LaneLoop::OnRemove>(LaneName{lane.name()}); }

void LaneLoop::OnRemove(LaneName name) {
  engine::Mailbox& home = Find(name)->home();
  std::erase_if(lanes_, [&](const auto& lane) { return lane->name() == name; });
  CHECK(home.Post<&LaneListener::OnLaneGone>(name.listener, uint32_t{name.number}));
}

}  // namespace client
