#include "relay/switchboard/lane_table.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "engine/wire/session_plan.h"
#include "relay/broker/join_token.h"
#include "relay/switchboard/control_port.h"

namespace relay {

using engine::CloseCode;

LaneTable::LaneTable(engine::Loop& loop, uint32_t index, ControlPort& control,
                     std::function<void()> emptied)
    : loop_(loop), index_(index), control_(control), emptied_(std::move(emptied)) {}

LaneTable::~LaneTable() { CHECK(empty()); }

void LaneTable::Add(const LaneGrant& grant) {
  auto lane = std::make_unique<Lane>(loop_, grant, static_cast<Lane::Owner&>(*this));
  Lane& added = *lane;
  const bool is_new = lanes_.emplace(grant.name, std::move(lane)).second;
  CHECK(is_new);
  sessions_[grant.id.session_id].push_back(&added);
  if (grant.link_serial != 0) returns_[grant.link_serial].push_back(&added);
  if (stopping_) added.End(CloseCode::kShuttingDown, engine::kRelayStoppingText);
}

ClaimOutcome LaneTable::Find(std::string_view token, std::string_view node_id) {
  const ClaimOutcome refused{CloseCode::kBadToken,
                             "the join token is wrong, used up or too old; start a new session",
                             nullptr, LaneSide::kClient};
  const std::optional<JoinTokenPlace> place = ReadJoinToken(token);
  if (!place.has_value()) return refused;
  if (place->loop != index_) {
    return {CloseCode::kElsewhere, std::to_string(place->loop), nullptr, LaneSide::kClient};
  }
  const auto found = lanes_.find(std::string(place->lane_name));
  if (found == lanes_.end()) return refused;
  Lane& lane = *found->second;
  const LaneSide side = node_id.empty() ? LaneSide::kClient : LaneSide::kNode;
  const LaneGrant& grant = lane.grant();
  if (side == LaneSide::kNode && node_id != grant.node_id) return refused;
  const engine::crypto::Sha256Digest& expected =
      side == LaneSide::kClient ? grant.client_token_sha256 : grant.node_token_sha256;
  const engine::crypto::Sha256Digest shown = engine::crypto::Sha256(engine::AsBytes(token));
  if (!engine::crypto::ConstantTimeEqual(shown, expected)) return refused;
  if (!lane.IsOpenFor(side)) return refused;
  return {CloseCode::kNormal, {}, &lane, side};
}

void LaneTable::EndSession(const std::string& session_id, std::string_view reason) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return;
  const std::vector<Lane*> lanes = found->second;  // Ending takes them out of it.
  for (Lane* lane : lanes) lane->End(CloseCode::kSessionEnded, reason);
}

void LaneTable::CutLost(const engine::LanesLost& lost, std::string_view reason) {
  if (!lost.join_token.empty()) {
    Lane* lane = FindOf(lost);
    if (lane == nullptr) return;
    return lane->is_joined() ? lane->Cut(reason) : lane->End(CloseCode::kNodeGone, reason);
  }
  const auto found = sessions_.find(lost.session_id);
  if (found == sessions_.end()) return;
  const std::vector<Lane*> lanes = found->second;  // As above.
  for (Lane* lane : lanes) {
    if (lane->is_joined()) lane->Cut(reason);
  }
}

Lane* LaneTable::FindOf(const engine::LanesLost& lost) const {
  const std::optional<JoinTokenPlace> place = ReadJoinToken(lost.join_token);
  if (!place.has_value() || place->loop != index_) return nullptr;
  const auto found = lanes_.find(std::string(place->lane_name));
  if (found == lanes_.end()) return nullptr;
  const LaneGrant& grant = found->second->grant();
  const engine::crypto::Sha256Digest shown =
      engine::crypto::Sha256(engine::AsBytes(lost.join_token));
  const bool is_its = engine::crypto::ConstantTimeEqual(shown, grant.node_token_sha256);
  return is_its && grant.id.session_id == lost.session_id ? found->second.get() : nullptr;
}

void LaneTable::RefuseReturns(uint64_t link_serial) {
  const auto found = returns_.find(link_serial);
  if (found == returns_.end()) return;
  const std::vector<Lane*> lanes = found->second;  // As above.
  for (Lane* lane : lanes) {
    if (!lane->IsOpenFor(LaneSide::kNode)) continue;
    lane->End(CloseCode::kNodeGone, "the node's link was lost; ask again");
  }
}

void LaneTable::NoReturn(Lane& lane) {
  const auto found = returns_.find(lane.grant().link_serial);
  if (found == returns_.end()) return;
  std::erase(found->second, &lane);
  if (found->second.empty()) returns_.erase(found);
}

std::vector<Lane*> LaneTable::All() const {
  std::vector<Lane*> all;
  for (const auto& [id, lanes] : sessions_) all.insert(all.end(), lanes.begin(), lanes.end());
  return all;
}

void LaneTable::Stop() {
  stopping_ = true;
  for (Lane* lane : All()) {
    if (!lane->is_joined()) {
      lane->End(CloseCode::kShuttingDown, engine::kRelayStoppingText);
    } else if (lane->grant().comes_again) {
      lane->Cut(engine::kRelayStoppingText);
    }
  }
}

void LaneTable::CutAll(std::string_view reason) {
  for (Lane* lane : All()) lane->Cut(reason);
}

void LaneTable::OnLaneJoined(Lane& lane, std::string source_address) {
  ++joined_count_;
  NoReturn(lane);
  control_.LaneJoined(lane.grant().id, std::move(source_address));
}

void LaneTable::OnLaneOver(Lane& lane, LaneEnd end) {
  const auto session = sessions_.find(lane.grant().id.session_id);
  CHECK(session != sessions_.end());
  std::erase(session->second, &lane);
  if (session->second.empty()) sessions_.erase(session);
  NoReturn(lane);
  if (end.was_joined) --joined_count_;
  control_.LaneEnded(lane.grant().id, std::move(end));
}

void LaneTable::OnLaneIdle(Lane& lane) {
  lanes_.erase(lane.grant().name);
  if (lanes_.empty()) emptied_();
}

}  // namespace relay
