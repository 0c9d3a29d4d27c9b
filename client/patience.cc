#include "client/patience.h"

namespace client {
namespace {

std::string InSeconds(std::chrono::seconds time) { return std::to_string(time.count()) + " s"; }

}  // namespace

std::string Patience::WhyOver(engine::Instant lost_at, engine::Instant now) const {
  const engine::Duration away = now - lost_at;
  if (away >= user_max_) {
    return "came about for " + InSeconds(user_max_) + " (ADIT_PATIENCE); the session is given up";
  }
  const auto is_limit = [](std::chrono::seconds limit) { return limit.count() > 0; };
  if (is_limit(times_.idle_max) && away >= times_.idle_max + kSlack) {
    return "came about for longer than the session may be idle, " + InSeconds(times_.idle_max) +
           " by its document; it is over";
  }
  if (is_limit(times_.duration_max) && now - started_ >= times_.duration_max + kSlack) {
    return "came about until the session's time was over, " + InSeconds(times_.duration_max) +
           " by its document";
  }
  return {};
}

}  // namespace client
