#include "client/forward_lane.h"

#include <utility>

#include "engine/base/check.h"

namespace client {

ForwardLane::ForwardLane(engine::LoopDriver& driver, std::unique_ptr<LanePlan> plan, Owner& owner)
    : driver_(driver),
      owner_(owner),
      plan_(std::move(plan)),
      link_(driver, std::move(plan_->target), static_cast<LaneSource&>(*this),
            static_cast<SessionLink::Events&>(*this)) {}

ForwardLane::~ForwardLane() { CHECK(gone()); }

// Tell cannot fail: a connection has at most two letters on their way and a lane a few, and both
// have maxima that are far below that of the mailbox.
template <auto kMethod, class Payload>
void ForwardLane::Tell(Payload payload) {
  CHECK(plan_->home->Post<kMethod>(plan_->name.listener, std::move(payload)));
}

void ForwardLane::Take(LocalConnection connection) {
  if (!connections_ || down_) return OnConnectionNotTaken(connection);
  connections_->Take(connection);
}

void ForwardLane::Obey(LaneOrder order) {
  switch (order) {
    case LaneOrder::kClose:
      if (!down_) link_.Close();
      return;
    case LaneOrder::kAbort:
      if (!down_) link_.Abort();
      return;
    case LaneOrder::kShut:
      if (connections_) connections_->Shut();
      return;
    case LaneOrder::kLeave:
      left_ = true;
      return TellIfGone();
  }
}

void ForwardLane::Answer(absl::StatusOr<LaneTicket> ticket) {
  CHECK(answer_ != nullptr);
  std::exchange(answer_, nullptr)(std::move(ticket));
}

void ForwardLane::OnLinkReady(SessionLink& link) {
  connections_.emplace(driver_.loop(), link.multiplexer(), plan_->request,
                       static_cast<LaneConnections::Events&>(*this));
  Tell<&LaneListener::OnLaneReady>(LaneListener::Ready{.lane = plan_->name.number,
                                                       .loop = link.target().ticket.loop,
                                                       .wrapped = link.target().wrapped});
}

void ForwardLane::OnLinkEnded(SessionLink&, const LinkEnd& end) {
  down_ = true;
  if (connections_) connections_->Close();
  Tell<&LaneListener::OnLaneDown>(
      std::make_unique<LaneListener::Down>(LaneListener::Down{plan_->name.number, end}));
}

void ForwardLane::AskForLane(const std::string&, Done done) {
  CHECK(answer_ == nullptr);
  answer_ = std::move(done);
  Tell<&LaneListener::OnLaneAsks>(plan_->name.number);
}

void ForwardLane::AskToRejoin(const std::string&, uint32_t lane, Done done) {
  CHECK(answer_ == nullptr);
  answer_ = std::move(done);
  Tell<&LaneListener::OnLaneRejoins>(
      LaneListener::Rejoin{.lane = plan_->name.number, .named = lane});
}

void ForwardLane::HurryLanes(const std::string&) {
  Tell<&LaneListener::OnLaneHurries>(plan_->name.number);
}

void ForwardLane::OnConnectionRefused(engine::CloseCode code, std::string_view text) {
  Tell<&LaneListener::OnConnectionRefused>(
      std::make_unique<LaneListener::Refusal>(LaneListener::Refusal{code, std::string(text)}));
}

void ForwardLane::OnConnectionNotTaken(LocalConnection connection) {
  Tell<&LaneListener::OnConnectionNotTaken>(LaneListener::NotTaken{plan_->name.number, connection});
}

void ForwardLane::OnConnectionOver() {
  Tell<&LaneListener::OnConnectionOver>(plan_->name.number);
  TellIfGone();
}

void ForwardLane::TellIfGone() {
  if (gone()) owner_.OnLaneGone(*this);
}

void ForwardLane::OnLaneBulk() { Tell<&LaneListener::OnLaneBulk>(plan_->name.number); }

}  // namespace client
