// What an entity has of policies: inline ones, attached ones, its boundary.

#include <algorithm>
#include <utility>

#include "engine/http/sigv4.h"
#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/iam/policies_api.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

constexpr size_t InlineSizeMax(IamKind kind) {
  switch (kind) {
    case IamKind::kUser:
      return kUserInlineSizeMax;
    case IamKind::kGroup:
      return kGroupInlineSizeMax;
    case IamKind::kRole:
      return kRoleInlineSizeMax;
  }
  return 0;
}

ApiError NoInline(IamKind kind, const std::string& name) {
  return NoSuchEntity("The " + KindText(kind) + " policy with name " + name + " cannot be found.");
}

// Named is an entity and one more name of the request.
struct Named {
  IamEntity entity;
  std::string name;
};

Found<Named> FindWithPolicy(ApiContext& context, ApiCall& call, IamKind kind) {
  IamInput input(call.input);
  input.Name(NameMember(kind));
  Named named;
  named.name = input.Name("PolicyName");
  if (input.error().has_value()) return *input.error();
  Found<IamEntity> entity = FindNamed(context, call, kind);
  if (auto* error = std::get_if<ApiError>(&entity)) return std::move(*error);
  named.entity = std::get<IamEntity>(std::move(entity));
  return named;
}

Found<Named> FindWithArn(ApiContext& context, ApiCall& call, IamKind kind, const char* member) {
  IamInput input(call.input);
  input.Name(NameMember(kind));
  Named named;
  named.name = input.Arn(member);
  if (input.error().has_value()) return *input.error();
  Found<IamEntity> entity = FindNamed(context, call, kind);
  if (auto* error = std::get_if<ApiError>(&entity)) return std::move(*error);
  named.entity = std::get<IamEntity>(std::move(entity));
  return named;
}

}  // namespace

template <IamKind kKind>
ApiOutcome PutInline(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  const std::string document = input.Document("PolicyDocument", policy::DocumentKind::kIdentity);
  if (input.error().has_value()) return input.error();
  Found<Named> found = FindWithPolicy(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [entity, name] = std::get<Named>(found);
  const auto policies = store.ListInlinePolicies(entity.id);
  if (!policies.ok()) return ToError(policies.status());
  size_t size = DocumentSize(document);
  for (const IamInlinePolicy& has : *policies) {
    if (has.name != name) size += DocumentSize(has.document);
  }
  if (size > InlineSizeMax(kKind)) {
    return LimitExceeded("Maximum policy size of " + std::to_string(InlineSizeMax(kKind)) +
                         " bytes exceeded for " + KindText(kKind) + " " + entity.name);
  }
  if (absl::Status status = store.PutInlinePolicy(entity.id, {name, document}); !status.ok()) {
    return ToError(status);
  }
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome GetInline(ApiContext& context, ApiCall& call) {
  Found<Named> found = FindWithPolicy(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [entity, name] = std::get<Named>(found);
  const auto policies = context.store.Iam().ListInlinePolicies(entity.id);
  if (!policies.ok()) return ToError(policies.status());
  const auto has = std::ranges::find(*policies, name, &IamInlinePolicy::name);
  if (has == policies->end()) return NoInline(kKind, name);
  call.output = {{NameMember(kKind), entity.name},
                 {"PolicyName", name},
                 {"PolicyDocument", engine::UriEncode(has->document, engine::Slash::kEncode)}};
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome DeleteInline(ApiContext& context, ApiCall& call) {
  Found<Named> found = FindWithPolicy(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [entity, name] = std::get<Named>(found);
  const absl::Status status = context.store.Iam().DeleteInlinePolicy(entity.id, name);
  if (absl::IsNotFound(status)) return NoInline(kKind, name);
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome ListInline(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  input.Name(NameMember(kKind));
  const PageWish wish = input.Page("InlinePolicies");
  if (input.error().has_value()) return input.error();
  Found<IamEntity> entity = FindNamed(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&entity)) return std::move(*error);
  const auto policies = context.store.Iam().ListInlinePolicies(std::get<IamEntity>(entity).id);
  if (!policies.ok()) return ToError(policies.status());
  std::vector<PageItem> items;
  for (const IamInlinePolicy& policy : *policies) items.push_back({policy.name, policy.name});
  WritePage(call, "PolicyNames", "InlinePolicies", wish, std::move(items));
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome AttachPolicy(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  Found<Named> found = FindWithArn(context, call, kKind, "PolicyArn");
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [entity, arn] = std::get<Named>(found);
  Found<ManagedFacts> policy = FindManaged(context, arn);
  if (auto* error = std::get_if<ApiError>(&policy)) return std::move(*error);
  const auto attached = store.ListAttached(entity.id);
  if (!attached.ok()) return ToError(attached.status());
  if (std::ranges::find(*attached, arn) != attached->end()) return std::nullopt;
  if (attached->size() >= kAttachedMax) {
    return LimitExceeded("Cannot exceed quota for PoliciesPer" +
                         std::string(NameMember(kKind)).substr(0, KindText(kKind).size()) + ": " +
                         std::to_string(kAttachedMax));
  }
  if (absl::Status status = store.Attach(entity.id, arn); !status.ok()) return ToError(status);
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome DetachPolicy(ApiContext& context, ApiCall& call) {
  Found<Named> found = FindWithArn(context, call, kKind, "PolicyArn");
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [entity, arn] = std::get<Named>(found);
  const absl::Status status = context.store.Iam().Detach(entity.id, arn);
  if (absl::IsNotFound(status)) return NoSuchEntity("Policy " + arn + " was not found.");
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome ListAttachedPolicies(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  input.Name(NameMember(kKind));
  const std::string prefix = input.PathPrefix();
  const PageWish wish = input.Page("AttachedPolicies");
  if (input.error().has_value()) return input.error();
  Found<IamEntity> entity = FindNamed(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&entity)) return std::move(*error);
  const auto attached = context.store.Iam().ListAttached(std::get<IamEntity>(entity).id);
  if (!attached.ok()) return ToError(attached.status());
  std::vector<PageItem> items;
  for (const std::string& arn : *attached) {
    Found<ManagedFacts> policy = FindManaged(context, arn);
    if (auto* error = std::get_if<ApiError>(&policy)) return std::move(*error);
    const IamPolicy& facts = std::get<ManagedFacts>(policy).policy;
    if (!facts.path.starts_with(prefix)) continue;
    items.push_back({facts.name, {{"PolicyName", facts.name}, {"PolicyArn", arn}}});
  }
  WritePage(call, "AttachedPolicies", "AttachedPolicies", wish, std::move(items));
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome PutBoundary(ApiContext& context, ApiCall& call) {
  Found<Named> found = FindWithArn(context, call, kKind, "PermissionsBoundary");
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  auto& [entity, arn] = std::get<Named>(found);
  Found<ManagedFacts> policy = FindManaged(context, arn);
  if (auto* error = std::get_if<ApiError>(&policy)) return std::move(*error);
  entity.boundary_arn = arn;
  if (absl::Status status = context.store.Iam().UpdateEntity(entity); !status.ok()) {
    return ToError(status);
  }
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome DeleteBoundary(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  input.Name(NameMember(kKind));
  if (input.error().has_value()) return input.error();
  Found<IamEntity> found = FindNamed(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  IamEntity& entity = std::get<IamEntity>(found);
  if (entity.boundary_arn.empty()) {
    return NoSuchEntity("The " + KindText(kKind) + " " + entity.name +
                        " has no permissions boundary.");
  }
  entity.boundary_arn.clear();
  if (absl::Status status = context.store.Iam().UpdateEntity(entity); !status.ok()) {
    return ToError(status);
  }
  return std::nullopt;
}

template ApiOutcome PutInline<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome PutInline<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome PutInline<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome GetInline<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome GetInline<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome GetInline<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome DeleteInline<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome DeleteInline<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome DeleteInline<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome ListInline<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome ListInline<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome ListInline<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome AttachPolicy<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome AttachPolicy<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome AttachPolicy<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome DetachPolicy<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome DetachPolicy<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome DetachPolicy<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome ListAttachedPolicies<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome ListAttachedPolicies<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome ListAttachedPolicies<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome PutBoundary<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome PutBoundary<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome DeleteBoundary<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome DeleteBoundary<IamKind::kRole>(ApiContext&, ApiCall&);

}  // namespace relay::iam
