#include "relay/policy/evaluate.h"

#include <algorithm>
#include <utility>

#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

// Named is the statement of a resource's policy that speaks of the principal most closely.
struct Named {
  PrincipalMatch match = PrincipalMatch::kNone;
  StatementRef statement;
};

// A NotPrincipal that denies spares nobody who has a permission boundary: AWS says so.
PrincipalMatch MatchPrincipal(const Statement& statement, const Policies& policies,
                              const Request& request) {
  if (!statement.principal) return PrincipalMatch::kNone;
  if (policies.boundary != nullptr && statement.principal->is_not_principal())
    return PrincipalMatch::kItself;
  return statement.principal->Match(request.principal());
}

// A resource has one policy, of few statements, so all of them are looked at.
Named FindNamed(const PolicySet& set, Effect effect, const Policies& policies,
                const Request& request) {
  Named strongest;
  for (const AttachedPolicy& policy : set.policies()) {
    const auto& statements = policy.document->statements();
    for (uint32_t i = 0; i < statements.size(); ++i) {
      if (statements[i].effect != effect) continue;
      const PrincipalMatch match = MatchPrincipal(statements[i], policies, request);
      if (match > strongest.match && statements[i].Matches(request))
        strongest = {match, {&policy, i}};
    }
  }
  return strongest;
}

std::string_view NameOf(Layer layer) {
  switch (layer) {
    case Layer::kIdentity:
      return "identity-based policy";
    case Layer::kBoundary:
      return "permissions boundary";
    case Layer::kSession:
      return "session policy";
    case Layer::kResource:
      return "resource-based policy";
    case Layer::kTrust:
      return "role trust policy";
  }
  return "policy";
}

}  // namespace

Decision Evaluate(const Policies& policies, const Request& request) {
  const std::pair<Layer, const PolicySet*> ours[] = {{Layer::kIdentity, policies.identity},
                                                     {Layer::kBoundary, policies.boundary},
                                                     {Layer::kSession, policies.session}};
  for (const auto& [layer, set] : ours) {
    if (set == nullptr) continue;
    const StatementRef deny = set->Find(Effect::kDeny, request);
    if (!deny.empty()) return {Verdict::kExplicitDeny, layer, deny};
  }
  const std::pair<Layer, const PolicySet*> theirs[] = {{Layer::kResource, policies.resource},
                                                       {Layer::kTrust, policies.trust}};
  for (const auto& [layer, set] : theirs) {
    if (set == nullptr) continue;
    const Named deny = FindNamed(*set, Effect::kDeny, policies, request);
    if (deny.match != PrincipalMatch::kNone) return {Verdict::kExplicitDeny, layer, deny.statement};
  }

  Named named;
  Decision allowed{.verdict = Verdict::kAllowed};
  for (const auto& [layer, set] : theirs) {
    if (set == nullptr) continue;
    const Named found = FindNamed(*set, Effect::kAllow, policies, request);
    if (layer == Layer::kTrust && found.match == PrincipalMatch::kNone)
      return {Verdict::kImplicitDeny, layer, {}};
    if (found.match <= named.match) continue;
    named = found;
    allowed.layer = layer;
    allowed.statement = found.statement;
  }
  if (named.match == PrincipalMatch::kItself) return allowed;
  if (named.match < PrincipalMatch::kRole) {
    allowed.layer = Layer::kIdentity;
    allowed.statement = policies.identity == nullptr
                            ? StatementRef()
                            : policies.identity->Find(Effect::kAllow, request);
    if (allowed.statement.empty()) return {Verdict::kImplicitDeny, Layer::kIdentity, {}};
  }
  for (const Layer layer : {Layer::kBoundary, Layer::kSession}) {
    if (layer == Layer::kBoundary && named.match == PrincipalMatch::kEverybody) continue;
    const PolicySet* set = layer == Layer::kBoundary ? policies.boundary : policies.session;
    if (set != nullptr && set->Find(Effect::kAllow, request).empty())
      return {Verdict::kImplicitDeny, layer, {}};
  }
  return allowed;
}

bool Names(const Policies& policies, const Request& request, const ContextKey& key,
           std::string_view value) {
  if (policies.identity == nullptr) return false;
  const auto demands = [&](const Condition& condition) {
    if (condition.key().name() != key.name()) return false;
    const std::vector<std::string> texts = condition.DemandedTexts();
    return std::ranges::find(texts, value) != texts.end();
  };
  for (const AttachedPolicy& policy : policies.identity->policies()) {
    for (const Statement& statement : policy.document->statements()) {
      if (statement.effect == Effect::kAllow &&
          std::ranges::any_of(statement.conditions, demands) && statement.Matches(request)) {
        return true;
      }
    }
  }
  return false;
}

std::string Explain(const Decision& decision, const Request& request) {
  const std::string_view layer = NameOf(decision.layer);
  const std::string_view article = decision.layer == Layer::kIdentity ? "an " : "a ";
  if (decision.statement.empty()) {
    return Concat({"because no ", layer, " allows the ", request.asked_action(), " action"});
  }
  const std::string& sid = decision.statement.statement().sid;
  return Concat({decision.allowed() ? "allowed by " : "with an explicit deny in ", article, layer,
                 " (", decision.statement.policy->name, ", statement ",
                 std::to_string(decision.statement.index + 1),
                 sid.empty() ? std::string() : Concat({", Sid \"", sid, "\""}), ")"});
}

}  // namespace relay::policy
