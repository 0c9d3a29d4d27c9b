#include "relay/switchboard/waiting_room.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "engine/wire/protocol_names.h"

namespace relay {

namespace {}  // namespace

std::optional<uint32_t> PlacementHint(const std::vector<std::string>& protocols) {
  for (const std::string& name : protocols) {
    if (!std::string_view(name).starts_with(engine::kLoopPrefix)) continue;
    uint32_t index = 0;
    const char* end = name.data() + name.size();
    const auto [rest, error] =
        std::from_chars(name.data() + engine::kLoopPrefix.size(), end, index);
    if (error == std::errc{} && rest == end) return index;
  }
  return std::nullopt;
}

bool SaysLive(const std::vector<std::string>& protocols) {
  return std::ranges::any_of(protocols, [](const std::string& name) {
    return name == engine::kJoinProtocol || name == engine::kLiveProtocol;
  });
}

bool WaitingRoom::Enter(Guest guest, bool is_live) {
  if (guest.first_bytes.size() > kHelloSizeMax) return false;
  if (is_live && live_.size() < kLiveMax) {
    live_.push_back(std::move(guest));
    return true;
  }
  if (ordinary_.size() >= kOrdinaryMax) return false;
  ordinary_.push_back(std::move(guest));
  return true;
}

WaitingRoom::Guest WaitingRoom::Next() {
  CHECK(!empty());
  const bool is_live = !live_.empty() && (ordinary_.empty() || live_turns_ < kLiveTurns);
  live_turns_ = is_live ? std::min(live_turns_ + 1, kLiveTurns) : 0;
  std::deque<Guest>& queue = is_live ? live_ : ordinary_;
  Guest next = std::move(queue.front());
  queue.pop_front();
  return next;
}

}  // namespace relay
