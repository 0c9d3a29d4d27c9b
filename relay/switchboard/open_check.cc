#include "relay/switchboard/open_check.h"

#include <utility>

#include "engine/wire/control.h"
#include "engine/wire/session_plan.h"

namespace relay {

CheckedOpen CheckOpen(const SessionGrant& grant, std::string_view request) {
  engine::CheckedOpen checked =
      engine::CheckOpen(grant.plan, {grant.session_id, grant.principal, grant.run_as}, request);
  if (checked.code != engine::CloseCode::kNormal) {
    return {checked.code, std::move(checked.text), {}, {}};
  }
  return {checked.code, {}, engine::EncodeOpen(checked.request), Describe(grant.plan)};
}

}  // namespace relay
