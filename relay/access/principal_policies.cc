#include "relay/access/principal_policies.h"

#include <algorithm>
#include <utility>

#include "relay/policy/managed_policies.h"

namespace relay {
namespace {

using policy::AttachedPolicy;
using policy::DocumentKind;
using policy::PolicyDocument;
using policy::PolicySet;

bool DependsOnTime(const std::vector<AttachedPolicy>& policies) {
  return std::ranges::any_of(policies, [](const AttachedPolicy& policy) {
    const std::vector<std::string> keys = policy.document->ContextKeys();
    return std::ranges::any_of(keys, [](const std::string& key) {
      return key == "aws:currenttime" || key == "aws:epochtime";
    });
  });
}

}  // namespace

void PrincipalPolicies::DropIfChanged() {
  const bool is_full = principals_.size() >= kPrincipalsMax || sessions_.size() >= kPrincipalsMax;
  if (revision_ == iam_.revision() && !is_full) return;
  revision_ = iam_.revision();
  principals_.clear();
  sessions_.clear();
  if (documents_.size() >= kDocumentsMax) documents_.clear();
}

absl::StatusOr<PrincipalPolicies::Document> PrincipalPolicies::Parse(std::string_view name,
                                                                     std::string_view text,
                                                                     DocumentKind kind) {
  absl::StatusOr<PolicyDocument> parsed = PolicyDocument::Parse(text, kind);
  if (!parsed.ok()) {
    return absl::DataLossError("policy " + std::string(name) +
                               " cannot be read: " + std::string(parsed.status().message()));
  }
  return std::make_shared<const PolicyDocument>(*std::move(parsed));
}

absl::StatusOr<PrincipalPolicies::Document> PrincipalPolicies::Managed(std::string_view arn) {
  for (const policy::ManagedPolicy& shipped : policy::ManagedPolicies()) {
    if (shipped.arn != arn) continue;
    Document& kept = documents_[std::string(arn)];
    if (kept != nullptr) return kept;
    absl::StatusOr<Document> made = Parse(arn, shipped.document, DocumentKind::kIdentity);
    if (made.ok()) kept = *made;
    return made;
  }
  const absl::StatusOr<IamPolicy> policy = iam_.FindPolicy(arn);
  if (!policy.ok()) return policy.status();
  // The time, too: a version that was made and lost with a full disk leaves its number to another.
  const std::string key = policy->id + " " + std::to_string(policy->default_version) + " " +
                          std::to_string(policy->updated_unix_ms);
  if (const auto found = documents_.find(key); found != documents_.end()) return found->second;
  const absl::StatusOr<std::vector<IamPolicyVersion>> versions = iam_.ListPolicyVersions(arn);
  if (!versions.ok()) return versions.status();
  const auto version =
      std::ranges::find(*versions, policy->default_version, &IamPolicyVersion::number);
  if (version == versions->end()) return absl::DataLossError("a policy has no default version");
  absl::StatusOr<Document> made = Parse(arn, version->document, DocumentKind::kIdentity);
  if (made.ok()) documents_[key] = *made;
  return made;
}

absl::Status PrincipalPolicies::Collect(const IamEntity& entity,
                                        std::vector<AttachedPolicy>& policies) {
  const absl::StatusOr<std::vector<IamInlinePolicy>> inlines = iam_.ListInlinePolicies(entity.id);
  if (!inlines.ok()) return inlines.status();
  for (const IamInlinePolicy& each : *inlines) {
    absl::StatusOr<Document> document = Parse(each.name, each.document, DocumentKind::kIdentity);
    if (!document.ok()) return document.status();
    policies.push_back({each.name, *std::move(document)});
  }
  const absl::StatusOr<std::vector<std::string>> attached = iam_.ListAttached(entity.id);
  if (!attached.ok()) return attached.status();
  for (const std::string& arn : *attached) {
    absl::StatusOr<Document> document = Managed(arn);
    if (!document.ok()) return document.status();
    policies.push_back({arn, *std::move(document)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const CompiledPrincipal>> PrincipalPolicies::Of(
    std::string_view entity_id) {
  DropIfChanged();
  const std::string id(entity_id);
  if (const auto found = principals_.find(id); found != principals_.end()) return found->second;
  absl::StatusOr<IamEntity> entity = iam_.FindEntityById(id);
  if (!entity.ok()) return entity.status();
  absl::StatusOr<std::vector<IamTag>> tags = iam_.ListTags(id);
  if (!tags.ok()) return tags.status();
  std::vector<AttachedPolicy> identity;
  if (absl::Status status = Collect(*entity, identity); !status.ok()) return status;
  if (entity->kind == IamKind::kUser) {
    const absl::StatusOr<std::vector<IamEntity>> groups = iam_.ListGroupsOf(id);
    if (!groups.ok()) return groups.status();
    for (const IamEntity& group : *groups) {
      if (absl::Status status = Collect(group, identity); !status.ok()) return status;
    }
  }
  auto made = std::make_shared<CompiledPrincipal>();
  made->depends_on_time = DependsOnTime(identity);
  made->identity = std::make_unique<PolicySet>(std::move(identity));
  if (!entity->boundary_arn.empty()) {
    absl::StatusOr<Document> document = Managed(entity->boundary_arn);
    if (!document.ok()) return document.status();
    std::vector<AttachedPolicy> boundary = {{entity->boundary_arn, *std::move(document)}};
    made->depends_on_time = made->depends_on_time || DependsOnTime(boundary);
    made->boundary = std::make_unique<PolicySet>(std::move(boundary));
  }
  if (!entity->trust_policy.empty()) {
    absl::StatusOr<Document> document =
        Parse("trust policy of " + entity->name, entity->trust_policy, DocumentKind::kTrust);
    if (!document.ok()) return document.status();
    made->trust = std::make_unique<PolicySet>(
        std::vector<AttachedPolicy>{{entity->Arn(), *std::move(document)}});
  }
  made->entity = *std::move(entity);
  made->tags = *std::move(tags);
  principals_[id] = made;
  return made;
}

absl::StatusOr<std::shared_ptr<const CompiledSession>> PrincipalPolicies::OfSession(
    std::string_view access_key_id, const TemporarySession& session) {
  DropIfChanged();
  const std::string id(access_key_id);
  if (const auto found = sessions_.find(id); found != sessions_.end()) return found->second;
  std::vector<AttachedPolicy> policies;
  for (const std::string& text : session.policies) {
    absl::StatusOr<Document> document = Parse("session policy", text, DocumentKind::kIdentity);
    if (!document.ok()) return document.status();
    policies.push_back({"session policy", *std::move(document)});
  }
  for (const std::string& arn : session.policy_arns) {
    absl::StatusOr<Document> document = Managed(arn);
    // A policy that is gone allows nothing, and its going must not widen the session.
    if (absl::IsNotFound(document.status())) continue;
    if (!document.ok()) return document.status();
    policies.push_back({arn, *std::move(document)});
  }
  auto made = std::make_shared<CompiledSession>();
  if (!session.policies.empty() || !session.policy_arns.empty()) {
    made->depends_on_time = DependsOnTime(policies);
    made->policies = std::make_unique<PolicySet>(std::move(policies));
  }
  sessions_[id] = made;
  return made;
}

}  // namespace relay
