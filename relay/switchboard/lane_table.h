// The lanes of one loop: found by a token until they are joined, and by their session until they
// are over.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/loop/loop.h"
#include "engine/wire/control.h"
#include "relay/switchboard/lane.h"

namespace relay {

class ControlPort;

// ClaimOutcome is the lane that a token is for, or why there is none.
struct ClaimOutcome {
  engine::CloseCode code = engine::CloseCode::kNormal;
  std::string text;
  Lane* lane = nullptr;
  LaneSide side = LaneSide::kClient;
};

// LaneTable holds what the control thread adds, which bounds how many there are. It tells the
// control thread of each one when it is joined and when it is over.
class LaneTable final : private Lane::Owner {
 public:
  // `index` is the loop's number, as it stands in tokens. `emptied` is called when the last lane
  // has gone.
  LaneTable(engine::Loop& loop, uint32_t index, ControlPort& control,
            std::function<void()> emptied);
  ~LaneTable();  // Requires: empty().
  LaneTable(const LaneTable&) = delete;
  LaneTable& operator=(const LaneTable&) = delete;

  void Add(const LaneGrant& grant);

  // Find returns the lane of a token that is good for a connection of `node_id`, or of a client if
  // that is empty. A good one calls Lane::Claim next, and the token is used up by that.
  ClaimOutcome Find(std::string_view token, std::string_view node_id);

  // EndSession ends the session's lanes here. An unknown id is no error.
  void EndSession(const std::string& session_id, std::string_view reason);

  // CutLost cuts the lane that the node joined with the token which is named, if it is here;
  // without one, what is joined of the session's lanes here. An unknown one is no error.
  void CutLost(const engine::LanesLost& lost, std::string_view reason);

  // RefuseReturns refuses those that wait for a node which was told of them on that link.
  void RefuseReturns(uint64_t link_serial);

  // Stop refuses all that waits, and what is added from now on; what is joined goes on until
  // CutAll, but for what comes again, which is the sooner at the next process.
  void Stop();
  void CutAll(std::string_view reason);

  bool empty() const { return lanes_.empty(); }
  size_t size() const { return lanes_.size(); }
  size_t joined_count() const { return joined_count_; }

 private:
  void OnLaneJoined(Lane& lane, std::string source_address) override;
  void OnLaneOver(Lane& lane, LaneEnd end) override;
  void OnLaneIdle(Lane& lane) override;

  // FindOf returns the lane of a node's token, used up or not; null: it is of none that is here.
  Lane* FindOf(const engine::LanesLost& lost) const;
  // NoReturn takes a lane out of returns_.
  void NoReturn(Lane& lane);
  std::vector<Lane*> All() const;

  engine::Loop& loop_;
  const uint32_t index_;
  ControlPort& control_;
  const std::function<void()> emptied_;
  absl::flat_hash_map<std::string, std::unique_ptr<Lane>> lanes_;  // By their name in tokens.
  absl::flat_hash_map<std::string, std::vector<Lane*>> sessions_;  // Lanes that are not over.
  // Those that wait for a node and were offered on a link of its, by the link's serial.
  absl::flat_hash_map<uint64_t, std::vector<Lane*>> returns_;
  size_t joined_count_ = 0;
  bool stopping_ = false;
};

}  // namespace relay
