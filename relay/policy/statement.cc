#include "relay/policy/statement.h"

#include <algorithm>

namespace relay::policy {
namespace {

bool IsListed(const std::vector<Pattern>& patterns, Listed listed, std::string_view text,
              const RequestContext& context) {
  const bool is_there = std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) {
    return pattern.Matches(text, context);
  });
  return is_there == (listed == Listed::kThese);
}

}  // namespace

bool Statement::MatchesAction(const Request& request) const {
  return IsListed(actions, actions_listed, request.action(), request.context());
}

bool Statement::MatchesResource(const Request& request) const {
  return IsListed(resources, resources_listed, request.resource(), request.context());
}

bool Statement::ConditionsHold(const RequestContext& context) const {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const Condition& condition) { return condition.Holds(context); });
}

bool Statement::Matches(const Request& request) const {
  return MatchesAction(request) && MatchesResource(request) && ConditionsHold(request.context());
}

}  // namespace relay::policy
