#include "agent/session/hosted_lane.h"

#include <utility>

#include "engine/base/check.h"

namespace agent {

using engine::CloseCode;

HostedLane::HostedLane(engine::LoopDriver& driver, TargetTable& targets,
                       std::unique_ptr<LanePlan> plan)
    : driver_(driver),
      targets_(targets),
      plan_(std::move(plan)),
      lane_(std::make_unique<Lane>(driver, *plan_->outer, plan_->inner, plan_->options,
                                   std::move(plan_->share), static_cast<Lane::Owner&>(*this))) {}

HostedLane::~HostedLane() {
  CHECK(over());
  lane_.reset();  // Its share of the windows is back when the session hears of the end.
  Tell(true);
}

// Tell cannot fail: a lane has at most two letters, and lanes are fewer than letters by far.
void HostedLane::Tell(bool is_over) {
  auto news = std::make_unique<LaneNews>(
      LaneNews{.lane = plan_->number, .is_over = is_over, .end = std::move(end_)});
  CHECK(plan_->home->Post<&LaneListener::OnLaneNews>(plan_->listener, std::move(news)));
}

void HostedLane::OnLaneSecured(Lane&) { Tell(false); }

void HostedLane::OnLaneOpen(Lane& lane, engine::StreamId stream, engine::ByteView request) {
  engine::Multiplexer& link = lane.multiplexer();
  const engine::Instant now = driver_.loop().Now();
  SessionGrant::Admitted admitted = plan_->grant->Admit(engine::AsText(request), now);
  if (admitted.open.code != CloseCode::kNormal) {
    return link.Reject(stream, admitted.open.code, admitted.open.text);
  }
  targets_.Open(
      link, stream, std::move(admitted.open.request),
      std::make_unique<StreamMeter>(static_cast<StreamMeter::Owner&>(*this), admitted.serial, now));
}

void HostedLane::OnLaneLeft(Lane&, const std::string& join_token) {
  plan_->grant->LaneLost(join_token);
}

void HostedLane::OnLaneDown(Lane& lane, const LaneEnd& end) {
  end_ = end;
  if (!lane.has_streams()) return;
  targets_.EndLink(lane.multiplexer(), CloseCode::kSessionEnded, "the client's connection ended");
}

void HostedLane::End(CloseCode code, std::string_view text) {
  if (lane_->down()) return;
  lane_->End(code, text);
  if (lane_->has_streams()) targets_.EndLink(lane_->multiplexer(), code, text);
}

void HostedLane::OnStreamBytes(size_t to_node, size_t from_node) {
  plan_->grant->Passed(to_node, from_node, driver_.loop().Now());
}

void HostedLane::OnStreamOver(const StreamMeter& meter, CloseCode code, std::string_view) {
  plan_->grant->StreamOver(meter.serial(), code,
                           {.to_node_bytes = meter.to_node_bytes(),
                            .from_node_bytes = meter.from_node_bytes(),
                            .duration = driver_.loop().Now() - meter.opened()});
}

}  // namespace agent
