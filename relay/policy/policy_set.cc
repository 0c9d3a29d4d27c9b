#include "relay/policy/policy_set.h"

#include <algorithm>
#include <map>

#include "engine/base/check.h"
#include "relay/policy/arn_parts.h"

namespace relay::policy {
namespace {

// PlainStart is what everything that matches the pattern begins with.
std::string_view PlainStart(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?$"));
}

// ResourceStart is PlainStart of what stands behind the fifth colon, and nothing for patterns that
// have fewer.
std::string_view ResourceStart(std::string_view pattern) {
  const auto parts = SplitArn(pattern);
  return parts ? PlainStart((*parts)[5]) : std::string_view();
}

// VisitResource visits the entries of all patterns that the resource may match. A star before the
// pattern's fifth colon may stand for colons of the resource, so that what is behind that colon may
// be found behind any later one, too.
template <typename Visitor>
bool VisitResource(const PrefixTree& tree, std::string_view resource, const Visitor& visit) {
  constexpr size_t kColonsBefore = 5;
  size_t colons = 0;
  for (size_t i = 0; i < resource.size(); ++i) {
    if (resource[i] != ':' || ++colons < kColonsBefore) continue;
    if (tree.Visit(resource.substr(i + 1), visit)) return true;
  }
  return colons < kColonsBefore && tree.Visit("", visit);
}

}  // namespace

PolicySet::PolicySet(std::vector<AttachedPolicy> policies) : policies_(std::move(policies)) {
  for (const AttachedPolicy& policy : policies_) CHECK(policy.document != nullptr);
  for (const Effect effect : {Effect::kAllow, Effect::kDeny})
    indexes_[static_cast<size_t>(effect)] = MakeIndex(effect);
}

PolicySet::Index PolicySet::MakeIndex(Effect effect) const {
  // Groups by the text of the action: patterns of the same text are the same pattern.
  struct Draft {
    const Pattern* action = nullptr;
    // By how the resource begins.
    std::map<std::string, std::vector<StatementBucket::Candidate>, std::less<>> resources;
  };
  std::map<std::string, Draft, std::less<>> drafts;
  const auto add = [&](const Pattern* action, const StatementRef& ref) {
    Draft& draft = drafts[action == nullptr ? std::string() : action->text()];
    draft.action = action;
    const Statement& statement = ref.statement();
    const auto add_candidate = [&](std::string_view start, uint32_t resource) {
      draft.resources[std::string(start)].emplace_back(ref, resource);
    };
    if (statement.resources_listed == Listed::kAllButThese) {
      add_candidate("", StatementBucket::kWhole);
      return;
    }
    for (uint32_t i = 0; i < statement.resources.size(); ++i) {
      add_candidate(ResourceStart(statement.resources[i].text()),
                    action == nullptr ? StatementBucket::kWhole : i);
    }
  };
  for (const AttachedPolicy& policy : policies_) {
    const auto& statements = policy.document->statements();
    for (uint32_t i = 0; i < statements.size(); ++i) {
      if (statements[i].effect != effect) continue;
      const StatementRef ref{&policy, i};
      if (statements[i].actions_listed == Listed::kAllButThese) {
        add(nullptr, ref);
        continue;
      }
      for (const Pattern& action : statements[i].actions) add(&action, ref);
    }
  }
  Index index;
  std::vector<PrefixTree::Entry> actions;
  for (auto& [text, draft] : drafts) {
    const std::string_view prefix =
        draft.action == nullptr ? std::string_view() : PlainStart(draft.action->text());
    actions.push_back({std::string(prefix), static_cast<uint32_t>(index.groups.size())});
    std::vector<PrefixTree::Entry> resources;
    for (auto& [start, candidates] : draft.resources) {
      resources.push_back({start, static_cast<uint32_t>(index.buckets.size())});
      index.buckets.emplace_back(std::move(candidates));
    }
    index.groups.push_back({draft.action, PrefixTree(std::move(resources))});
  }
  index.actions = PrefixTree(std::move(actions));
  return index;
}

StatementRef PolicySet::Find(Effect effect, const Request& request) const {
  const Index& found_in = index(effect);
  StatementRef result;
  found_in.actions.Visit(request.action(), [&](uint32_t group_index) {
    const Group& group = found_in.groups[group_index];
    if (group.action != nullptr && !group.action->Matches(request.action(), request.context()))
      return false;
    return VisitResource(group.resources, request.resource(), [&](uint32_t bucket) {
      result = found_in.buckets[bucket].Find(request);
      return !result.empty();
    });
  });
  return result;
}

std::vector<StatementRef> PolicySet::FindAll(const Request& request) const {
  std::vector<StatementRef> all;
  for (const AttachedPolicy& policy : policies_) {
    const auto& statements = policy.document->statements();
    for (uint32_t i = 0; i < statements.size(); ++i)
      if (statements[i].Matches(request)) all.push_back({&policy, i});
  }
  return all;
}

}  // namespace relay::policy
