#include "client/event_follow.h"

#include <algorithm>
#include <utility>

namespace client {
namespace {

// Records of streams are written up to a second late, and clocks have whole seconds.
constexpr int64_t kOverlapSeconds = 5;

}  // namespace

std::vector<EventInfo> EventFollow::Take(std::vector<EventInfo> answer) {
  const bool is_first = std::exchange(is_first_, false);
  if (is_first && !answer.empty()) oldest_ = answer.back().id;
  // The overlap reaches back to what the first answer had no room for.
  const auto oldest = std::ranges::find(answer, oldest_, &EventInfo::id);
  if (oldest != answer.end()) answer.erase(oldest + 1, answer.end());
  if (!answer.empty()) since_ = std::max(since_, answer.front().time - kOverlapSeconds);
  std::set<std::string> seen;
  for (const EventInfo& event : answer) seen.insert(event.id);
  std::erase_if(answer, [&](const EventInfo& event) {
    const bool is_own = event.name == "LookupEvents" && event.access_key_id == own_key_;
    return seen_.contains(event.id) || (is_own && !is_first);
  });
  seen_ = std::move(seen);
  std::ranges::reverse(answer);
  return answer;
}

}  // namespace client
