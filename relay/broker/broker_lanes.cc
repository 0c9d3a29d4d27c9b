// The part of Broker that has the lanes of sessions: new ones, and those that come again.

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/crypto/digest.h"
#include "relay/broker/broker.h"
#include "relay/broker/join_token.h"

namespace relay {

using engine::crypto::Sha256;
using std::chrono::milliseconds;

Broker::NewLane Broker::MakeLane(Live& live) const {
  NewLane lane;
  const uint32_t number = live.sealed->next_lane++;  // One that is rolled back leaves a gap.
  lane.loop = (live.sealed->first_loop + number) % data_plane_.loop_count();
  lane.grant.id = {live.subject.id, number};
  lane.grant.node_id = live.subject.node_id;
  lane.grant.name = NewLaneName();
  lane.client_token = NewJoinToken(lane.loop, lane.grant.name);
  lane.node_token = NewJoinToken(lane.loop, lane.grant.name);
  lane.grant.client_token_sha256 = Sha256(engine::AsBytes(lane.client_token));
  lane.grant.node_token_sha256 = Sha256(engine::AsBytes(lane.node_token));
  lane.grant.join_max = SealedState::kLaneJoinMax;
  lane.grant.comes_again = live.sealed->may_rejoin;
  lane.grant.is_inspected = live.sealed->is_inspected;
  return lane;
}

void Broker::AddLane(Live& live, const NewLane& lane) {
  ++live.sealed->lanes_open;
  ++waiting_lane_count_;
  if (data_plane_.AddLane(lane.loop, lane.grant)) return;
  --live.sealed->lanes_open;
  --waiting_lane_count_;
}

std::variant<LaneTicket, LaneFailure> Broker::OpenLane(std::string_view session_id,
                                                       std::string_view principal) {
  using Kind = LaneFailure::Kind;
  Live* live = Find(session_id);
  const bool is_open =
      live != nullptr && live->sealed != nullptr &&
      (live->state == Live::State::kConnecting || live->state == Live::State::kConnected);
  if (!is_open || live->subject.principal != principal) {
    return LaneFailure{Kind::kNoSession,
                       "You have no session of that id that is open and has lanes."};
  }
  const SealedState& sealed = *live->sealed;
  if (sealed.lanes_open + sealed.lane_promises.count() >= engine::kLanesMax) {
    return LaneFailure{Kind::kTooManyLanes, "The session has " + std::to_string(engine::kLanesMax) +
                                                " lanes, which is the maximum."};
  }
  return OfferLane(*live, std::nullopt);
}

bool Broker::MayComeAgain(const Live& live) {
  if (live.sealed == nullptr || !live.sealed->may_rejoin) return false;
  return live.state == Live::State::kConnected ||
         (live.state == Live::State::kConnecting && live.sealed->is_taken_over);
}

std::variant<LaneTicket, LaneFailure> Broker::RejoinLane(std::string_view session_id, uint32_t lane,
                                                         uint64_t epoch) {
  using Kind = LaneFailure::Kind;
  Live* live = Find(session_id);
  if (live == nullptr || !MayComeAgain(*live)) {
    return LaneFailure{Kind::kNoSession, "The session is over."};
  }
  // Connections that are dead may not have been noticed yet.
  const SealedState& sealed = *live->sealed;
  if (sealed.lanes_open + sealed.lane_promises.count() >= 2 * engine::kLanesMax) {
    return LaneFailure{Kind::kTooManyLanes, "The session has too many lanes; try again soon."};
  }
  if (std::optional<LaneFailure> failure = CheckEpoch(*live, epoch)) return *std::move(failure);
  return OfferLane(*live, Return{lane, epoch});
}

std::optional<LaneFailure> Broker::CheckEpoch(const Live& live, uint64_t epoch) {
  using Kind = LaneFailure::Kind;
  const LaneFailure stale{Kind::kStale, "The session came again with a later epoch."};
  if (epoch <= live.sealed->epoch) return stale;
  if (store_.is_down()) return std::nullopt;
  const absl::Status raised = store_.RaiseSessionEpoch(live.subject.id, epoch);
  if (absl::IsFailedPrecondition(raised)) return stale;
  if (!raised.ok()) return LaneFailure{Kind::kStore, raised.ToString()};
  return std::nullopt;
}

void Broker::SaveEpochs() {
  if (unsaved_epochs_.empty() || store_.is_down()) return;
  for (const std::string& id : std::exchange(unsaved_epochs_, {})) {
    const Live* live = Find(id);
    if (live == nullptr || live->sealed == nullptr) continue;
    records_.KeepOrLater("save_epoch", id, [this, id, epoch = live->sealed->epoch] {
      const absl::Status status = store_.RaiseSessionEpoch(id, epoch);
      return absl::IsFailedPrecondition(status) ? absl::OkStatus() : status;  // There is a later.
    });
  }
}

std::variant<LaneTicket, LaneFailure> Broker::OfferLane(Live& live, std::optional<Return> again) {
  using Kind = LaneFailure::Kind;
  if (waiting_lane_count_ + waiting_lane_promises_.count() >= SealedState::kLanesWaitingMax) {
    return LaneFailure{Kind::kBusy, "Rate exceeded"};
  }
  if (!IsConnected(live.subject.node_id)) {
    return LaneFailure{Kind::kNotConnected, live.subject.node_id + " is not connected."};
  }
  const NewLane made = MakeLane(live);
  const auto offer = [this, made, again, of_session = live.sealed->lane_promises.Make(),
                      of_relay = waiting_lane_promises_.Make()] {
    Live* now_live = Find(made.grant.id.session_id);
    const std::optional<NodePlace> place = data_plane_.FindNode(made.grant.node_id);
    // Without a lane the ticket is not good, and the client asks again.
    if (now_live == nullptr || !place.has_value()) return;
    NewLane lane = made;
    std::optional<uint32_t> number;
    if (again.has_value()) {
      lane.grant.link_serial = place->link_serial;
      number = again->lane;
      now_live->sealed->epoch = std::max(now_live->sealed->epoch, again->epoch);
    }
    AddLane(*now_live, lane);
    data_plane_.TellNode(lane.grant.node_id, engine::LaneOffer{lane.grant.id.session_id,
                                                               lane.node_token, lane.loop, number});
  };
  if (again.has_value() && store_.is_down()) {
    offer();
    unsaved_epochs_.insert(live.subject.id);
  } else {
    store_.AfterCommit(offer);
  }
  return LaneTicket{made.client_token, made.loop, live.subject.carriage};
}

absl::StatusOr<bool> Broker::GoOn(const Session& session, uint64_t epoch, int64_t now_unix_ms,
                                  int64_t clock_step_ms) {
  // One that began later than now: the clock was set, and the machine started again, so that how
  // long it has lasted nobody knows. Left there, it would have no end once the clock is set again.
  const int64_t start = std::min(session.started_unix_ms + clock_step_ms, now_unix_ms);
  const int64_t end_by =
      start + milliseconds(std::chrono::seconds(session.duration_seconds_max)).count();
  if (now_unix_ms >= end_by) return false;
  if (start != session.started_unix_ms) {
    const absl::Status moved = store_.MoveSessionStart(session.id, start - session.started_unix_ms);
    if (!moved.ok()) return moved;
  }
  Live& live = live_[session.id];
  live.subject = {session.id, session.node_id, session.principal, session.carriage};
  // Whether one was joined, its node knows: a full disk, or the end of the process, can have kept
  // that from the store.
  const bool is_connected = session.status == SessionStatus::kConnected;
  live.state = is_connected ? Live::State::kConnected : Live::State::kConnecting;
  live.join_by_unix_ms = end_by;
  live.end_by_unix_ms = end_by;
  live.sealed = std::make_unique<SealedState>();
  live.sealed->may_rejoin = true;
  live.sealed->has_begun = true;
  live.sealed->is_taken_over = true;
  live.sealed->epoch = epoch;
  live.sealed->is_inspected = session.carriage == Carriage::kInspected;
  live.sealed->first_loop = next_first_loop_++ % data_plane_.loop_count();
  return true;
}

void Broker::LaneJoined(const LaneId& lane, std::string_view source_ip, int64_t now_unix_ms) {
  CHECK(waiting_lane_count_ > 0);
  --waiting_lane_count_;
  SessionJoined(lane.session_id, source_ip, now_unix_ms);
}

void Broker::LaneEnded(const LaneId& lane, const LaneEnd& end, int64_t now_unix_ms) {
  if (!end.was_joined) {
    CHECK(waiting_lane_count_ > 0);
    --waiting_lane_count_;
  }
  Live* live = Find(lane.session_id);
  if (live == nullptr || live->sealed == nullptr) return;  // The offer was withdrawn.
  SealedState& sealed = *live->sealed;
  --sealed.lanes_open;
  sealed.to_node_bytes += end.to_node_bytes;
  sealed.to_client_bytes += end.to_client_bytes;
  // Inside the relay's TLS no proxy answers in the node's place.
  const uint64_t beginning = sealed.is_inspected ? 1 : SealedState::kBeginningBytes;
  if (end.to_client_bytes >= beginning) sealed.has_begun = true;
  if (sealed.lanes_open > 0) return;
  if (live->state == Live::State::kEnding) return FinishIfDone(*live, now_unix_ms);
  // One whose lanes come again goes on until the node says that it is over.
  if (sealed.may_rejoin && sealed.has_begun) return AskAbout(*live);
  // A session that never got through may be tried again, with a new lane, until join_by.
  if (live->state == Live::State::kConnected && sealed.has_begun) {
    End(*live, SessionStatus::kTerminated, end.reason, now_unix_ms);
  }
}

}  // namespace relay
