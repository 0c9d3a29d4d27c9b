#include "client/lane_set.h"

#include "engine/base/check.h"

namespace client {

using engine::Instant;

size_t LaneSet::Add(engine::Multiplexer& multiplexer) {
  CHECK(count_ < kLanesMax);
  size_t lane = 0;
  while (lanes_[lane].multiplexer != nullptr) ++lane;
  lanes_[lane] = {.multiplexer = &multiplexer, .had_bulk = false, .bulk_at = {}};
  ++count_;
  return lane;
}

void LaneSet::Remove(size_t lane) {
  CHECK(lanes_[lane].multiplexer != nullptr);
  lanes_[lane] = {};
  --count_;
}

bool LaneSet::IsBusy(size_t lane, Instant now) const {
  return lanes_[lane].had_bulk && now - lanes_[lane].bulk_at < kBusyAfterBulk;
}

std::optional<size_t> LaneSet::Choose(Instant now, uint32_t refused) const {
  std::optional<size_t> best;
  bool best_busy = false;
  size_t best_streams = 0;
  for (size_t lane = 0; lane < kLanesMax; ++lane) {
    if (lanes_[lane].multiplexer == nullptr || (refused >> lane & 1) != 0) continue;
    const bool busy = IsBusy(lane, now);
    const size_t streams = lanes_[lane].multiplexer->stream_count();
    if (best && (busy > best_busy || (busy == best_busy && streams >= best_streams))) continue;
    best = lane;
    best_busy = busy;
    best_streams = streams;
  }
  return best;
}

void LaneSet::NoteBulk(size_t lane, Instant now) {
  CHECK(lanes_[lane].multiplexer != nullptr);
  lanes_[lane].had_bulk = true;
  lanes_[lane].bulk_at = now;
  for (size_t other = 0; other < kLanesMax; ++other) {
    if (lanes_[other].multiplexer != nullptr && !IsBusy(other, now)) return;
  }
  events_.OnEveryLaneBusy();
}

}  // namespace client
