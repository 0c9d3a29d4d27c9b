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
  if (duration_max_.count() > 0 && now - started_ >= duration_max_ + kSlack) {
    return "came about until the session's time was over, " + InSeconds(duration_max_) +
           " by its document";
  }
  return {};
}

}  // namespace client
