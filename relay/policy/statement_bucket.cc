#include "relay/policy/statement_bucket.h"

#include "absl/strings/string_view.h"
#include "relay/policy/policy_set.h"

namespace relay::policy {
namespace {

bool Matches(const Statement& statement, uint32_t resource, const Request& request) {
  if (resource == StatementBucket::kWhole) return statement.Matches(request);
  return statement.resources[resource].Matches(request.resource(), request.context()) &&
         statement.ConditionsHold(request.context());
}

}  // namespace

const Statement& StatementRef::statement() const { return policy->document->statements()[index]; }

StatementBucket::Demand& StatementBucket::DemandOf(const ContextKey& key) {
  for (Demand& demand : demands_)
    if (demand.key.name() == key.name()) return demand;
  return demands_.emplace_back(Demand{key, {}});
}

bool StatementBucket::AddToDemand(const Candidate& candidate) {
  for (const Condition& condition : candidate.statement->conditions) {
    const std::vector<std::string> values = condition.DemandedTexts();
    if (values.empty()) continue;
    Demand& demand = DemandOf(condition.key());
    for (const std::string& value : values) demand.by_value[value].push_back(candidate);
    return true;
  }
  return false;
}

StatementBucket::StatementBucket(std::vector<Candidate> candidates) {
  if (candidates.size() <= kLookedAtMax) {
    looked_at_ = std::move(candidates);
    return;
  }
  for (const Candidate& candidate : candidates)
    if (!AddToDemand(candidate)) looked_at_.push_back(candidate);
}

StatementRef StatementBucket::FindAmong(const std::vector<Candidate>& candidates,
                                        const Request& request) {
  for (const Candidate& candidate : candidates)
    if (Matches(*candidate.statement, candidate.resource, request)) return candidate.ref;
  return {};
}

StatementRef StatementBucket::Find(const Request& request) const {
  StatementRef found = FindAmong(looked_at_, request);
  for (const Demand& demand : demands_) {
    if (!found.empty()) break;
    const RequestContext::Values values = request.context().Find(demand.key);
    if (values.size() != 1) continue;
    const auto here = demand.by_value.find(absl::string_view(values[0].data(), values[0].size()));
    if (here != demand.by_value.end()) found = FindAmong(here->second, request);
  }
  return found;
}

}  // namespace relay::policy
