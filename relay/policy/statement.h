// One statement of a policy, compiled: for which actions, resources and conditions it speaks.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/policy/condition.h"
#include "relay/policy/pattern.h"
#include "relay/policy/principal_element.h"
#include "relay/policy/request.h"
#include "relay/policy/statement_spans.h"

namespace relay::policy {

enum class Effect : uint8_t { kAllow, kDeny };

// Listed says how a list of patterns is meant: Action and Resource, or NotAction and NotResource.
enum class Listed : uint8_t { kThese, kAllButThese };

struct Statement {
  TextSpan span;  // In the policy's text.
  // Empty when the statement has none.
  std::string sid;
  Effect effect = Effect::kDeny;
  // In lower case, as Request::action() is.
  std::vector<Pattern> actions;
  Listed actions_listed = Listed::kThese;
  // A trust policy's statement names no resource: all but none.
  std::vector<Pattern> resources;
  Listed resources_listed = Listed::kAllButThese;
  std::optional<PrincipalElement> principal;
  std::vector<Condition> conditions;

  bool MatchesAction(const Request& request) const;
  bool MatchesResource(const Request& request) const;
  bool ConditionsHold(const RequestContext& context) const;

  // Matches is about everything but the principal.
  bool Matches(const Request& request) const;
};

}  // namespace relay::policy
