#include "relay/switchboard/open_check.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "engine/wire/control.h"
#include "engine/wire/session_plan.h"

namespace relay {

CheckedOpen CheckOpen(const SessionGrant& grant, std::string_view request,
                      std::chrono::seconds seconds_left) {
  const auto idle_max = std::chrono::duration_cast<std::chrono::seconds>(grant.idle_max);
  // 0 is no limit, and a session that is over ends anyway.
  const engine::StreamLimits limits{
      .idle_seconds_max = static_cast<uint32_t>(idle_max.count()),
      .seconds_max = static_cast<uint32_t>(std::max<int64_t>(seconds_left.count(), 1))};
  engine::CheckedOpen checked = engine::CheckOpen(
      grant.plan, {grant.session_id, grant.principal, grant.run_as, limits}, request);
  if (checked.code != engine::CloseCode::kNormal) {
    return {checked.code, std::move(checked.text), {}, {}};
  }
  return {checked.code, {}, engine::EncodeOpen(checked.request), Describe(grant.plan)};
}

}  // namespace relay
