// Managed policies and their versions.

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/http/sigv4.h"
#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/iam/policies_api.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

constexpr size_t kDescriptionSizeMax = 1'000;
constexpr size_t kVersionIdSizeMax = 20;

ApiError NotChangeable(const std::string& arn) {
  return {"AccessDenied",
          "The policy " + arn +
              " is shipped with the relay and cannot be changed; copy it under "
              "another name.",
          403};
}

ApiError NoVersion(const std::string& arn, const std::string& id) {
  return NoSuchEntity("Policy " + arn + " version " + id + " does not exist or is not attachable.");
}

std::string VersionId(int64_t number) { return "v" + std::to_string(number); }

// ToNumber reads v12; 0 is no version.
int64_t ToNumber(const std::string& id) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), number);
  const bool good = error == std::errc() && end == id.data() + id.size() && number > 0;
  return id.starts_with('v') && good ? number : 0;
}

// FindAsked finds the policy that the request names.
Found<ManagedFacts> FindAsked(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string arn = input.Arn("PolicyArn");
  if (input.error().has_value()) return *input.error();
  return FindManaged(context, arn);
}

// FindOwn is FindAsked for one that must not be shipped.
Found<ManagedFacts> FindOwn(ApiContext& context, ApiCall& call) {
  Found<ManagedFacts> found = FindAsked(context, call);
  const auto* policy = std::get_if<ManagedFacts>(&found);
  if (policy != nullptr && policy->is_shipped) return NotChangeable(policy->arn);
  return found;
}

// Versions of a policy, newest first.
absl::StatusOr<std::vector<IamPolicyVersion>> VersionsOf(ApiContext& context,
                                                         const ManagedFacts& policy) {
  if (!policy.is_shipped) return context.store.Iam().ListPolicyVersions(policy.arn);
  return std::vector<IamPolicyVersion>{{.number = 1,
                                        .document = policy.shipped_document,
                                        .created_unix_ms = policy.policy.created_unix_ms}};
}

struct Usage {
  size_t attached = 0;
  size_t bounded = 0;
};
absl::StatusOr<Usage> UsageOf(ApiContext& context, const std::string& arn) {
  const auto attached = context.store.Iam().ListAttachedTo(arn);
  if (!attached.ok()) return attached.status();
  const auto bounded = context.store.Iam().ListBoundedBy(arn);
  if (!bounded.ok()) return bounded.status();
  return Usage{attached->size(), bounded->size()};
}

Json PolicyJson(const ManagedFacts& facts, const Usage& usage) {
  const IamPolicy& policy = facts.policy;
  Json json = {{"PolicyName", policy.name},
               {"PolicyId", policy.id},
               {"Arn", facts.arn},
               {"Path", policy.path},
               {"DefaultVersionId", VersionId(policy.default_version)},
               {"AttachmentCount", usage.attached},
               {"PermissionsBoundaryUsageCount", usage.bounded},
               {"IsAttachable", true},
               {"CreateDate", IsoTime(policy.created_unix_ms)},
               {"UpdateDate", IsoTime(policy.updated_unix_ms)}};
  return json;
}

enum class WithDocument : uint8_t { kNo, kYes };
Json VersionJson(const IamPolicyVersion& version, int64_t default_version, WithDocument with) {
  Json json = {{"VersionId", VersionId(version.number)},
               {"IsDefaultVersion", version.number == default_version},
               {"CreateDate", IsoTime(version.created_unix_ms)}};
  if (with == WithDocument::kYes) {
    json["Document"] = engine::UriEncode(version.document, engine::Slash::kEncode);
  }
  return json;
}

std::string DocumentOf(IamInput& input) {
  std::string document = input.Document("PolicyDocument", policy::DocumentKind::kIdentity);
  if (DocumentSize(document) > kManagedSizeMax) {
    input.Fail(
        LimitExceeded("Cannot exceed quota for PolicySize: " + std::to_string(kManagedSizeMax)));
  }
  return document;
}

}  // namespace

absl::StatusOr<Json> PolicyDetail(ApiContext& context, const ManagedFacts& policy) {
  const absl::StatusOr<Usage> usage = UsageOf(context, policy.arn);
  if (!usage.ok()) return usage.status();
  const auto versions = VersionsOf(context, policy);
  if (!versions.ok()) return versions.status();
  Json json = PolicyJson(policy, *usage);
  json["Description"] = policy.policy.description;
  Json& list = json["PolicyVersionList"] = Json::array();
  for (const IamPolicyVersion& version : *versions) {
    list.push_back(VersionJson(version, policy.policy.default_version, WithDocument::kYes));
  }
  return json;
}

ApiOutcome CreatePolicy(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  ManagedFacts made;
  made.policy = {.id = NewIamId("ANPA"),
                 .name = input.Name("PolicyName"),
                 .path = input.Path(),
                 .description = input.TextIfAny("Description", kDescriptionSizeMax),
                 .created_unix_ms = call.now_unix_ms,
                 .updated_unix_ms = call.now_unix_ms};
  const std::string document = DocumentOf(input);
  const std::vector<IamTag> tags = input.Tags();
  if (input.error().has_value()) return input.error();
  const absl::StatusOr<IamCounts> counts = store.Count();
  if (!counts.ok()) return ToError(counts.status());
  if (counts->policies >= kPoliciesMax) {
    return LimitExceeded("Cannot exceed quota for PoliciesPerAccount: " +
                         std::to_string(kPoliciesMax));
  }
  made.arn = made.policy.Arn();
  absl::Status status = store.AddPolicy(made.policy, document);
  if (absl::IsAlreadyExists(status)) {
    return AlreadyExists("A policy called " + made.policy.name +
                         " already exists. Duplicate names are not allowed.");
  }
  for (const IamTag& tag : tags) {
    if (status.ok()) status = store.PutTag(made.arn, tag);
  }
  if (!status.ok()) return ToError(status);
  Json& answer = call.output["Policy"] = PolicyJson(made, {});
  if (!tags.empty()) answer["Tags"] = TagsJson(tags);
  return std::nullopt;
}

ApiOutcome GetPolicy(ApiContext& context, ApiCall& call) {
  Found<ManagedFacts> found = FindAsked(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  const absl::StatusOr<Usage> usage = UsageOf(context, policy.arn);
  if (!usage.ok()) return ToError(usage.status());
  const absl::StatusOr<std::vector<IamTag>> tags = context.store.Iam().ListTags(policy.arn);
  if (!tags.ok()) return ToError(tags.status());
  Json& answer = call.output["Policy"] = PolicyJson(policy, *usage);
  answer["Description"] = policy.policy.description;
  answer["Tags"] = TagsJson(*tags);
  return std::nullopt;
}

ApiOutcome DeletePolicy(ApiContext& context, ApiCall& call) {
  Found<ManagedFacts> found = FindOwn(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  const absl::StatusOr<Usage> usage = UsageOf(context, policy.arn);
  if (!usage.ok()) return ToError(usage.status());
  if (usage->attached + usage->bounded > 0) {
    return DeleteConflict("Cannot delete a policy attached to entities.");
  }
  const auto versions = VersionsOf(context, policy);
  if (!versions.ok()) return ToError(versions.status());
  if (versions->size() > 1) {
    return DeleteConflict(
        "This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy.");
  }
  if (absl::Status status = context.store.Iam().DeletePolicy(policy.arn); !status.ok()) {
    return ToError(status);
  }
  return std::nullopt;
}

ApiOutcome ListPolicies(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string scope = input.Choice("Scope", {"All", "AWS", "Local"});
  const std::string use =
      input.Choice("PolicyUsageFilter", {"", "PermissionsPolicy", "PermissionsBoundary"});
  const bool only_attached = input.Flag("OnlyAttached");
  const std::string prefix = input.PathPrefix();
  const PageWish wish = input.Page("Policies");
  if (input.error().has_value()) return input.error();
  std::vector<ManagedFacts> policies;
  if (scope != "Local") policies = ShippedPolicies();
  if (scope != "AWS") {
    const auto own = context.store.Iam().ListPolicies({.count_max = kPoliciesMax});
    if (!own.ok()) return ToError(own.status());
    for (const IamPolicy& policy : *own) policies.push_back({policy, policy.Arn(), false, {}});
  }
  std::vector<PageItem> items;
  for (const ManagedFacts& policy : policies) {
    if (!policy.policy.path.starts_with(prefix)) continue;
    const absl::StatusOr<Usage> usage = UsageOf(context, policy.arn);
    if (!usage.ok()) return ToError(usage.status());
    const bool is_attached = usage->attached > 0;
    const bool is_boundary = usage->bounded > 0;
    if (only_attached && !is_attached && !is_boundary) continue;
    if (use == "PermissionsPolicy" && !is_attached) continue;
    if (use == "PermissionsBoundary" && !is_boundary) continue;
    items.push_back({policy.policy.name, PolicyJson(policy, *usage)});
  }
  WritePage(call, "Policies", "Policies", wish, std::move(items));
  return std::nullopt;
}

ApiOutcome CreatePolicyVersion(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string document = DocumentOf(input);
  const bool set_default = input.Flag("SetAsDefault");
  if (input.error().has_value()) return input.error();
  Found<ManagedFacts> found = FindOwn(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  const auto versions = VersionsOf(context, policy);
  if (!versions.ok()) return ToError(versions.status());
  if (versions->size() >= kVersionsMax) {
    return LimitExceeded(
        "A managed policy can have up to 5 versions. Before you create a new version, you must "
        "delete an existing version.");
  }
  const IamPolicyVersion version = {.number = policy.policy.newest_version + 1,
                                    .document = document,
                                    .created_unix_ms = call.now_unix_ms};
  const absl::Status status = context.store.Iam().AddPolicyVersion(
      policy.arn, version, set_default ? IamStore::Default::kThis : IamStore::Default::kStays);
  if (!status.ok()) return ToError(status);
  call.output["PolicyVersion"] = VersionJson(
      version, set_default ? version.number : policy.policy.default_version, WithDocument::kNo);
  return std::nullopt;
}

ApiOutcome GetPolicyVersion(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string arn = input.Arn("PolicyArn");
  const std::string id = input.Text("VersionId", 1, kVersionIdSizeMax);
  if (input.error().has_value()) return input.error();
  Found<ManagedFacts> found = FindManaged(context, arn);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  const auto versions = VersionsOf(context, policy);
  if (!versions.ok()) return ToError(versions.status());
  const auto version = std::ranges::find(*versions, ToNumber(id), &IamPolicyVersion::number);
  if (version == versions->end()) return NoVersion(arn, id);
  call.output["PolicyVersion"] =
      VersionJson(*version, policy.policy.default_version, WithDocument::kYes);
  return std::nullopt;
}

ApiOutcome DeletePolicyVersion(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string id = input.Text("VersionId", 1, kVersionIdSizeMax);
  if (input.error().has_value()) return input.error();
  Found<ManagedFacts> found = FindOwn(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  if (ToNumber(id) == policy.policy.default_version) {
    return DeleteConflict("Cannot delete the default version of a policy.");
  }
  const absl::Status status = context.store.Iam().DeletePolicyVersion(policy.arn, ToNumber(id));
  if (absl::IsNotFound(status)) return NoVersion(policy.arn, id);
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome ListPolicyVersions(ApiContext& context, ApiCall& call) {
  Found<ManagedFacts> found = FindAsked(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  const auto versions = VersionsOf(context, policy);
  if (!versions.ok()) return ToError(versions.status());
  // At most kVersionsMax: one page, newest first.
  Json& list = call.output["Versions"] = Json::array();
  for (const IamPolicyVersion& version : *versions) {
    list.push_back(VersionJson(version, policy.policy.default_version, WithDocument::kNo));
  }
  call.output["IsTruncated"] = false;
  return std::nullopt;
}

ApiOutcome SetDefaultPolicyVersion(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string id = input.Text("VersionId", 1, kVersionIdSizeMax);
  if (input.error().has_value()) return input.error();
  Found<ManagedFacts> found = FindOwn(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const ManagedFacts& policy = std::get<ManagedFacts>(found);
  const absl::Status status =
      context.store.Iam().SetDefaultVersion(policy.arn, ToNumber(id), call.now_unix_ms);
  if (absl::IsNotFound(status)) return NoVersion(policy.arn, id);
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome ListEntitiesForPolicy(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string arn = input.Arn("PolicyArn");
  const std::string filter = input.Choice(
      "EntityFilter", {"", "User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"});
  const std::string use =
      input.Choice("PolicyUsageFilter", {"PermissionsPolicy", "PermissionsBoundary"});
  const std::string prefix = input.PathPrefix();
  // One page for all three kinds: a policy that 5,000 users have is better given to a group.
  const PageWish wish = input.Page("ListEntitiesForPolicy");
  if (input.error().has_value()) return input.error();
  Found<ManagedFacts> found = FindManaged(context, arn);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  IamStore& store = context.store.Iam();
  const auto entities =
      use == "PermissionsPolicy" ? store.ListAttachedTo(arn) : store.ListBoundedBy(arn);
  if (!entities.ok()) return ToError(entities.status());
  const std::pair<const char*, IamKind> kinds[] = {
      {"Group", IamKind::kGroup}, {"User", IamKind::kUser}, {"Role", IamKind::kRole}};
  // The kind is a part of the name in the order of the page.
  std::vector<PageItem> items;
  for (const auto& [text, kind] : kinds) {
    call.output["Policy" + std::string(text) + "s"] = Json::array();
    if (!filter.empty() && filter != text) continue;
    for (const IamEntity& entity : *entities) {
      if (entity.kind != kind || !entity.path.starts_with(prefix)) continue;
      items.push_back(
          {std::string(text) + " " + entity.name,
           {{std::string(text) + "Name", entity.name}, {std::string(text) + "Id", entity.id}}});
    }
  }
  WritePage(call, "Entities", "ListEntitiesForPolicy", wish, std::move(items));
  const Json page = std::move(call.output["Entities"]);
  call.output.erase("Entities");
  for (const Json& entity : page) {
    for (const auto& [text, kind] : kinds) {
      const std::string member(text);
      if (entity.contains(member + "Id")) call.output["Policy" + member + "s"].push_back(entity);
    }
  }
  return std::nullopt;
}

}  // namespace relay::iam
