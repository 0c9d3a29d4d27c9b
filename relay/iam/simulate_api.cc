#include "relay/iam/simulate_api.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "relay/access/authorise.h"
#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/policy/evaluate.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;
using policy::AttachedPolicy;
using policy::DocumentKind;
using policy::PolicySet;
using policy::RequestContext;

constexpr size_t kDocumentSizeMax = 131'072;
constexpr size_t kListMax = 1'000;
constexpr size_t kTextSizeMax = 2'048;

// Subject is whose policies are simulated, and with which ones beside them.
struct Subject {
  std::shared_ptr<const CompiledPrincipal> principal;  // Null: policies alone.
  std::string kind = "none";                           // Of inline policies, in answers.
  std::vector<AttachedPolicy> policies;
  std::vector<AttachedPolicy> boundary;  // Empty: none.
  std::vector<AttachedPolicy> resource;
};

// UnmetText names a statement that allows the request but for a condition, and the key that it
// looks at: a list of who may what does not tell that. Empty: there is none.
std::string UnmetText(const PolicySet& set, const policy::Request& request) {
  for (const AttachedPolicy& attached : set.policies()) {
    const auto& statements = attached.document->statements();
    for (size_t i = 0; i < statements.size(); ++i) {
      const policy::Statement& statement = statements[i];
      const bool speaks = statement.effect == policy::Effect::kAllow &&
                          statement.MatchesAction(request) && statement.MatchesResource(request);
      if (!speaks) continue;
      const auto unmet = std::ranges::find_if(
          statement.conditions,
          [&](const policy::Condition& condition) { return !condition.Holds(request.context()); });
      if (unmet == statement.conditions.end()) continue;
      return "; statement " + std::to_string(i + 1) + " of " + attached.name +
             " would, but its condition on " + unmet->key().name() + " does not hold";
    }
  }
  return {};
}

// AddDocuments compiles policies that the request brings.
void AddDocuments(IamInput& input, const char* member, DocumentKind kind,
                  std::vector<AttachedPolicy>& policies) {
  const std::vector<std::string> texts = input.Texts(member, kListMax, kDocumentSizeMax);
  for (size_t i = 0; i < texts.size(); ++i) {
    auto parsed = policy::PolicyDocument::Parse(texts[i], kind);
    if (!parsed.ok()) {
      return input.Fail({"InvalidInput", std::string(member) + ", number " + std::to_string(i + 1) +
                                             ": " + std::string(parsed.status().message())});
    }
    policies.push_back({std::string(member) + "." + std::to_string(i + 1),
                        std::make_shared<const policy::PolicyDocument>(*std::move(parsed))});
  }
}

// FindByArn finds a user, group or role by its ARN.
Found<IamEntity> FindByArn(ApiContext& context, const std::string& arn) {
  for (const IamKind kind : {IamKind::kUser, IamKind::kGroup, IamKind::kRole}) {
    const auto entity = context.store.Iam().FindEntity(kind, arn.substr(arn.find_last_of('/') + 1));
    if (!entity.ok() && !absl::IsNotFound(entity.status())) return ToError(entity.status());
    if (entity.ok() && entity->Arn() == arn) return *entity;
  }
  return NoSuchEntity("The entity " + arn + " cannot be found.");
}

Found<Subject> SubjectOfArn(ApiContext& context, IamInput& input) {
  const std::string arn = input.Arn("PolicySourceArn");
  if (input.error().has_value()) return *input.error();
  Found<IamEntity> found = FindByArn(context, arn);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamEntity& entity = std::get<IamEntity>(found);
  Subject subject;
  auto principal = context.authoriser.policies().Of(entity.id);
  if (!principal.ok()) return ToError(principal.status());
  subject.principal = *std::move(principal);
  subject.kind = KindText(entity.kind);
  subject.policies = subject.principal->identity->policies();
  if (subject.principal->boundary != nullptr) {
    subject.boundary = subject.principal->boundary->policies();
  }
  return subject;
}

// ReadContext takes the keys that the request gives.
ConditionKeys ReadContext(const Json& request, IamInput& input) {
  ConditionKeys keys;
  if (!input.Has("ContextEntries")) return keys;
  const Json& entries = request["ContextEntries"];
  if (!entries.is_array() || entries.size() > kListMax) {
    input.Fail(InvalidInput("ContextEntries must be a list of at most " + std::to_string(kListMax) +
                            " entries."));
    return keys;
  }
  for (const Json& entry : entries) {
    if (!entry.is_object()) {
      input.Fail(InvalidInput("An entry of ContextEntries has no name."));
      return keys;
    }
    IamInput each(entry);
    std::string name = each.Text("ContextKeyName", 5, 256);
    std::vector<std::string> values = each.Texts("ContextKeyValues", kListMax, kTextSizeMax);
    if (each.error().has_value()) input.Fail(*each.error());
    keys.emplace_back(std::move(name), std::move(values));
  }
  return keys;
}

std::string SourceType(const std::string& name, const Subject& subject) {
  if (name.starts_with("arn:aws:iam::aws:")) return "aws-managed";
  if (name.starts_with("arn:")) return "user-managed";
  const bool is_given = name.starts_with("PolicyInputList.");
  return is_given ? "none" : subject.kind;
}

std::set<std::string> KeysOf(const std::vector<AttachedPolicy>& policies) {
  std::set<std::string> keys;
  for (const AttachedPolicy& policy : policies) {
    for (std::string& key : policy.document->ContextKeys()) keys.insert(std::move(key));
  }
  return keys;
}

// Simulation is the policies of a subject, indexed, and the keys of every request.
struct Simulation {
  Simulation(Subject given, ConditionKeys keys, const std::string& caller_arn, int64_t now_unix_ms)
      : subject(std::move(given)), identity(subject.policies), resource(subject.resource) {
    if (!subject.boundary.empty()) boundary = std::make_unique<PolicySet>(subject.boundary);
    for (const auto& [name, values] : keys) context.Add(name, values);
    AccessCase asked;
    if (subject.principal != nullptr) {
      const IamEntity& entity = subject.principal->entity;
      asked.caller.entity_id = entity.id;
      asked.caller.principal = entity.Arn();
      FillContext(asked, *subject.principal, now_unix_ms, context);
    }
    principal_arn = caller_arn.empty() ? asked.caller.principal : caller_arn;
    std::set<std::string> all = KeysOf(subject.policies);
    all.merge(KeysOf(subject.boundary));
    all.merge(KeysOf(subject.resource));
    for (const std::string& key : all) {
      if (context.Find(policy::ContextKey(key)).empty()) missing.push_back(key);
    }
  }

  Json ToJson(const policy::StatementRef& matched, bool is_resource) const {
    const policy::TextSpan& span = matched.statement().span;
    const auto position = [](const policy::TextPosition& at) {
      return Json{{"Line", at.line}, {"Column", at.column}};
    };
    const std::string& name = matched.policy->name;
    return {{"SourcePolicyId", name},
            {"SourcePolicyType", is_resource ? "resource" : SourceType(name, subject)},
            {"StartPosition", position(span.begin)},
            {"EndPosition", position(span.end)}};
  }

  // AddResourceResult repeats what was decided where AWS tells it of each resource.
  static void AddResourceResult(Json& result) {
    Json one = {{"EvalResourceName", result["EvalResourceName"]},
                {"EvalResourceDecision", result["EvalDecision"]},
                {"MatchedStatements", result["MatchedStatements"]},
                {"MissingContextValues", result["MissingContextValues"]}};
    const auto boundary = result.find("PermissionsBoundaryDecisionDetail");
    if (boundary != result.end()) one["PermissionsBoundaryDecisionDetail"] = *boundary;
    result["ResourceSpecificResults"].push_back(std::move(one));
  }

  struct Wish {
    bool explains = false;        // AWS has no member for that.
    bool names_resource = false;  // The request did, and is told of it by name.
  };
  Json Decide(const std::string& action, const std::string& arn, const Wish& wish) const {
    const policy::Request request(action, arn, context,
                                  {.arn = principal_arn, .account = kAccountId});
    const policy::Policies policies = {.identity = &identity,
                                       .boundary = boundary.get(),
                                       .resource = subject.resource.empty() ? nullptr : &resource};
    const policy::Decision decision = policy::Evaluate(policies, request);
    Json result = {{"EvalActionName", action},
                   {"EvalResourceName", arn},
                   {"MissingContextValues", missing},
                   {"MatchedStatements", Json::array()}};
    switch (decision.verdict) {
      case policy::Verdict::kAllowed:
        result["EvalDecision"] = "allowed";
        break;
      case policy::Verdict::kExplicitDeny:
        result["EvalDecision"] = "explicitDeny";
        break;
      case policy::Verdict::kImplicitDeny:
        result["EvalDecision"] = "implicitDeny";
        break;
    }
    if (wish.explains) {
      const bool is_unmet = decision.verdict == policy::Verdict::kImplicitDeny &&
                            decision.layer == policy::Layer::kIdentity;
      result["AditExplanation"] = policy::Explain(decision, request) +
                                  (is_unmet ? UnmetText(identity, request) : std::string());
    }
    const bool denies = decision.verdict == policy::Verdict::kExplicitDeny;
    for (const PolicySet* set : {&identity, &resource, boundary.get()}) {
      // What a boundary allows decides nothing; what it denies does.
      if (set == nullptr || (set == boundary.get() && !denies)) continue;
      for (const policy::StatementRef& matched : set->FindAll(request)) {
        if ((matched.statement().effect == policy::Effect::kDeny) != denies) continue;
        result["MatchedStatements"].push_back(ToJson(matched, set == &resource));
      }
    }
    if (boundary != nullptr) {
      const bool allows = !boundary->Find(policy::Effect::kAllow, request).empty() &&
                          boundary->Find(policy::Effect::kDeny, request).empty();
      result["PermissionsBoundaryDecisionDetail"] = {{"AllowedByPermissionsBoundary", allows}};
    }
    if (wish.names_resource) AddResourceResult(result);
    return result;
  }

  const Subject subject;
  const PolicySet identity;
  const PolicySet resource;
  std::unique_ptr<const PolicySet> boundary;
  RequestContext context;
  std::string principal_arn;
  std::vector<std::string> missing;
};

ApiOutcome Simulate(ApiCall& call, IamInput& input, Subject subject) {
  AddDocuments(input, "PolicyInputList", DocumentKind::kIdentity, subject.policies);
  if (input.Has("PermissionsBoundaryPolicyInputList")) subject.boundary.clear();
  AddDocuments(input, "PermissionsBoundaryPolicyInputList", DocumentKind::kIdentity,
               subject.boundary);
  if (input.Has("ResourcePolicy")) {
    const std::string text = input.Document("ResourcePolicy", DocumentKind::kResource);
    auto parsed = policy::PolicyDocument::Parse(text, DocumentKind::kResource);
    if (parsed.ok()) {
      subject.resource = {
          {"ResourcePolicy", std::make_shared<const policy::PolicyDocument>(*std::move(parsed))}};
    }
  }
  const std::vector<std::string> actions =
      input.Texts("ActionNames", kListMax, policy::kActionSizeMax);
  std::vector<std::string> resources = input.Texts("ResourceArns", kListMax, kTextSizeMax);
  const std::string caller_arn = input.Has("CallerArn") ? input.Arn("CallerArn") : std::string();
  const bool explains = input.Flag("AditExplain");
  const PageWish wish = input.Page("Simulate");
  ConditionKeys keys = ReadContext(call.input, input);
  if (input.error().has_value()) return input.error();
  if (actions.empty()) return InvalidInput("ActionNames must name at least one action.");
  for (const std::string& action : actions) {
    if (action.find(':') == std::string::npos) {
      return InvalidInput("Invalid Action: " + action + ". Actions are like ssm:StartSession.");
    }
  }
  const Simulation::Wish how = {.explains = explains, .names_resource = !resources.empty()};
  if (resources.empty()) resources = {"*"};
  if (actions.size() * resources.size() > kSimulatedMax) {
    return InvalidInput("Too many: at most " + std::to_string(kSimulatedMax) +
                        " decisions, actions times resources, in one simulation.");
  }
  const Simulation simulation(std::move(subject), std::move(keys), caller_arn, call.now_unix_ms);
  std::vector<PageItem> items;
  size_t parts = 0;
  for (const std::string& action : actions) {
    for (const std::string& resource : resources) {
      const std::string number = std::to_string(10'000 + items.size());
      items.push_back({number, simulation.Decide(action, resource, how)});
      parts += simulation.missing.size() + items.back().json["MatchedStatements"].size();
      if (parts > kAnswerPartsMax) {
        return InvalidInput("Too much: the answer would name more than " +
                            std::to_string(kAnswerPartsMax) +
                            " statements and missing keys. Ask for fewer actions or resources.");
      }
    }
  }
  WritePage(call, "EvaluationResults", "Simulate", wish, std::move(items));
  return std::nullopt;
}

ApiOutcome WriteKeys(ApiCall& call, IamInput& input, Subject subject) {
  AddDocuments(input, "PolicyInputList", DocumentKind::kIdentity, subject.policies);
  if (input.error().has_value()) return input.error();
  call.output["ContextKeyNames"] = KeysOf(subject.policies);
  return std::nullopt;
}

}  // namespace

ApiOutcome SimulatePrincipalPolicy(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  Found<Subject> subject = SubjectOfArn(context, input);
  if (auto* error = std::get_if<ApiError>(&subject)) return std::move(*error);
  return Simulate(call, input, std::get<Subject>(std::move(subject)));
}

ApiOutcome SimulateCustomPolicy(ApiContext&, ApiCall& call) {
  IamInput input(call.input);
  return Simulate(call, input, {});
}

ApiOutcome GetContextKeysForPrincipalPolicy(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  Found<Subject> subject = SubjectOfArn(context, input);
  if (auto* error = std::get_if<ApiError>(&subject)) return std::move(*error);
  return WriteKeys(call, input, std::get<Subject>(std::move(subject)));
}

ApiOutcome GetContextKeysForCustomPolicy(ApiContext&, ApiCall& call) {
  IamInput input(call.input);
  return WriteKeys(call, input, {});
}

}  // namespace relay::iam
