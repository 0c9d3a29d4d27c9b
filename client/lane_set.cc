#include "client/lane_set.h"

#include "engine/base/check.h"

namespace client {

using engine::Instant;

size_t LaneSet::Add(LaneDoor& door) {
  size_t lane = 0;
  while (lane < kLanesMax && lanes_[lane].door != nullptr) ++lane;
  CHECK(lane < kLanesMax);
  lanes_[lane] = {.door = &door, .open = true, .connections = 0, .had_bulk = false, .bulk_at = {}};
  ++count_;
  return lane;
}

void LaneSet::Close(size_t lane) {
  CHECK(lanes_[lane].open);
  lanes_[lane].open = false;
  --count_;
}

void LaneSet::Remove(size_t lane) {
  CHECK(lanes_[lane].door != nullptr);
  if (lanes_[lane].open) Close(lane);
  lanes_[lane] = {};
}

bool LaneSet::IsBusy(size_t lane, Instant now) const {
  return lanes_[lane].had_bulk && now - lanes_[lane].bulk_at < kBusyAfterBulk;
}

std::optional<size_t> LaneSet::Choose(Instant now, uint32_t refused) const {
  std::optional<size_t> best;
  bool best_busy = false;
  size_t best_streams = 0;
  for (size_t lane = 0; lane < kLanesMax; ++lane) {
    if (!lanes_[lane].open || (refused >> lane & 1) != 0) continue;
    const bool busy = IsBusy(lane, now);
    const size_t streams = lanes_[lane].connections;
    if (best && (busy > best_busy || (busy == best_busy && streams >= best_streams))) continue;
    best = lane;
    best_busy = busy;
    best_streams = streams;
  }
  return best;
}

void LaneSet::Took(size_t lane) { ++lanes_[lane].connections; }

void LaneSet::Left(size_t lane) {
  CHECK(lanes_[lane].connections > 0);
  --lanes_[lane].connections;
}

void LaneSet::NoteBulk(size_t lane, Instant now) {
  CHECK(lanes_[lane].door != nullptr);
  lanes_[lane].had_bulk = true;
  lanes_[lane].bulk_at = now;
  for (size_t other = 0; other < kLanesMax; ++other) {
    if (lanes_[other].open && !IsBusy(other, now)) return;
  }
  events_.OnEveryLaneBusy();
}

void LaneSet::ShutAll() {
  for (Lane& lane : lanes_) {
    if (lane.door != nullptr) lane.door->Shut();
  }
}

}  // namespace client
