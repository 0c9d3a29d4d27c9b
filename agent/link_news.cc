#include "agent/link_news.h"

#include <algorithm>

namespace agent {

bool LinkNews::Failed(std::string_view reason, engine::Instant now) {
  ++failed_count_;
  const auto known = std::ranges::find(kinds_, reason, &Kind::reason);
  if (known != kinds_.end()) {
    if (now - known->told_at < known->pause) return false;
    known->told_at = now;
    known->pause = std::min(2 * known->pause, kPauseMax);
    return true;
  }
  if (kinds_.size() == kKindsMax) {
    kinds_.erase(std::ranges::min_element(kinds_, {}, &Kind::told_at));
  }
  kinds_.push_back({std::string(reason), now, kPauseMin});
  return true;
}

void LinkNews::LinkUp() {
  kinds_.clear();
  failed_count_ = 0;
}

}  // namespace agent
