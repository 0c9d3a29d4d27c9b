#include "relay/iam/entities_api.h"

#include <utility>

#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

constexpr size_t kDescriptionSizeMax = 1'000;
constexpr int64_t kSessionSecondsMin = 3'600;
constexpr int64_t kSessionSecondsMax = 43'200;

struct KindFacts {
  const char* answer;  // "User"
  const char* list;    // "Users"
  const char* id_prefix;
  size_t name_size_max;
  int64_t count_max;
};

constexpr KindFacts FactsOf(IamKind kind) {
  switch (kind) {
    case IamKind::kUser:
      return {"User", "Users", "AIDA", 64, kUsersMax};
    case IamKind::kGroup:
      return {"Group", "Groups", "AGPA", 128, kGroupsMax};
    case IamKind::kRole:
      return {"Role", "Roles", "AROA", 64, kRolesMax};
  }
  return {};
}

int64_t CountOf(const IamCounts& counts, IamKind kind) {
  switch (kind) {
    case IamKind::kUser:
      return counts.users;
    case IamKind::kGroup:
      return counts.groups;
    case IamKind::kRole:
      return counts.roles;
  }
  return 0;
}

ApiError NameIsTaken(IamKind kind, const std::string& name) {
  return AlreadyExists(std::string(FactsOf(kind).answer) + " with name " + name +
                       " already exists.");
}

// WhatHolds says what has to go before an entity can; nothing when nothing has to.
absl::StatusOr<std::string> WhatHolds(IamStore& store, const IamEntity& entity) {
  const auto inlines = store.ListInlinePolicies(entity.id);
  if (!inlines.ok()) return inlines.status();
  if (!inlines->empty()) return std::string("must delete policies first.");
  const auto attached = store.ListAttached(entity.id);
  if (!attached.ok()) return attached.status();
  if (!attached->empty()) return std::string("must detach all policies first.");
  if (entity.kind == IamKind::kGroup) {
    const auto members = store.ListMembers(entity.id);
    if (!members.ok()) return members.status();
    if (!members->empty()) return std::string("must remove users from group first.");
  }
  if (entity.kind != IamKind::kUser) return std::string();
  const auto keys = store.ListAccessKeys(entity.id);
  if (!keys.ok()) return keys.status();
  if (!keys->empty()) return std::string("must delete access keys first.");
  const auto groups = store.ListGroupsOf(entity.id);
  if (!groups.ok()) return groups.status();
  if (!groups->empty()) return std::string("must remove users from group first.");
  const auto devices = store.ListMfaDevices(entity.id);
  if (!devices.ok()) return devices.status();
  if (!devices->empty()) return std::string("must delete MFA device first.");
  return std::string();
}

// Change finds the entity that the request names, lets `change` change it, and keeps it.
template <class ChangeIt>
ApiOutcome Change(ApiContext& context, ApiCall& call, IamKind kind, ChangeIt change) {
  Found<IamEntity> found = FindNamed(context, call, kind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  IamEntity& entity = std::get<IamEntity>(found);
  if (std::optional<ApiError> error = change(entity)) return error;
  const absl::Status status = context.store.Iam().UpdateEntity(entity);
  if (absl::IsAlreadyExists(status)) return NameIsTaken(kind, entity.name);
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

}  // namespace

template <IamKind kKind>
ApiOutcome CreateEntity(ApiContext& context, ApiCall& call) {
  constexpr KindFacts kFacts = FactsOf(kKind);
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  IamEntity entity = {.kind = kKind,
                      .id = NewIamId(kFacts.id_prefix),
                      .name = input.Name(NameMember(kKind), kFacts.name_size_max),
                      .path = input.Path(),
                      .created_unix_ms = call.now_unix_ms};
  std::vector<IamTag> tags;
  if (kKind != IamKind::kGroup) {
    tags = input.Tags();
    if (input.Has("PermissionsBoundary")) entity.boundary_arn = input.Arn("PermissionsBoundary");
  }
  if (kKind == IamKind::kRole) {
    entity.trust_policy = input.Document("AssumeRolePolicyDocument", policy::DocumentKind::kTrust);
    entity.description = input.TextIfAny("Description", kDescriptionSizeMax);
    entity.session_max_seconds = input.Integer("MaxSessionDuration", kSessionSecondsMin,
                                               kSessionSecondsMax, kSessionSecondsMin);
    input.CheckTrustSize(entity.trust_policy);
  }
  if (input.error().has_value()) return input.error();
  if (!entity.boundary_arn.empty()) {
    Found<ManagedFacts> boundary = FindManaged(context, entity.boundary_arn);
    if (auto* error = std::get_if<ApiError>(&boundary)) return std::move(*error);
  }
  const absl::StatusOr<IamCounts> counts = store.Count();
  if (!counts.ok()) return ToError(counts.status());
  if (CountOf(*counts, kKind) >= kFacts.count_max) {
    return LimitExceeded("Cannot exceed quota for " + std::string(kFacts.list) +
                         "PerAccount: " + std::to_string(kFacts.count_max));
  }
  absl::Status status = store.AddEntity(entity);
  if (absl::IsAlreadyExists(status)) return NameIsTaken(kKind, entity.name);
  for (const IamTag& tag : tags) {
    if (status.ok()) status = store.PutTag(entity.id, tag);
  }
  if (!status.ok()) return ToError(status);
  call.output[kFacts.answer] = EntityJson(entity, &tags);
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome GetEntity(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  Found<IamEntity> found = FindNamed(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamEntity& entity = std::get<IamEntity>(found);
  const absl::StatusOr<std::vector<IamTag>> tags = store.ListTags(entity.id);
  if (!tags.ok()) return ToError(tags.status());
  Json& answer = call.output[FactsOf(kKind).answer] = EntityJson(entity, &*tags);
  if (kKind == IamKind::kRole) answer["RoleLastUsed"] = Json::object();
  if (kKind != IamKind::kGroup) return std::nullopt;
  IamInput input(call.input);
  const PageWish wish = input.Page("GetGroup");
  if (input.error().has_value()) return input.error();
  const absl::StatusOr<std::vector<IamEntity>> members = store.ListMembers(entity.id);
  if (!members.ok()) return ToError(members.status());
  std::vector<PageItem> items;
  for (const IamEntity& member : *members) {
    items.push_back({member.name, EntityJson(member, nullptr)});
  }
  WritePage(call, "Users", "GetGroup", wish, std::move(items));
  return std::nullopt;
}

// UpdateNamed is UpdateUser and UpdateGroup: another name, another path.
template <IamKind kKind>
ApiOutcome UpdateNamed(ApiContext& context, ApiCall& call) {
  constexpr KindFacts kFacts = FactsOf(kKind);
  IamInput input(call.input);
  const std::string name = input.NameIfAny(kKind == IamKind::kUser ? "NewUserName" : "NewGroupName",
                                           kFacts.name_size_max);
  const bool has_path = input.Has("NewPath");
  const std::string path = input.Path("NewPath");
  if (input.error().has_value()) return input.error();
  return Change(context, call, kKind, [&](IamEntity& entity) -> std::optional<ApiError> {
    if (!name.empty()) entity.name = name;
    if (has_path) entity.path = path;
    return std::nullopt;
  });
}

template <IamKind kKind>
ApiOutcome DeleteEntity(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  input.Name(NameMember(kKind));  // Nobody deletes himself by leaving it out.
  if (input.error().has_value()) return input.error();
  Found<IamEntity> found = FindNamed(context, call, kKind);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamEntity& entity = std::get<IamEntity>(found);
  const absl::StatusOr<std::string> holds = WhatHolds(store, entity);
  if (!holds.ok()) return ToError(holds.status());
  if (!holds->empty()) return DeleteConflict("Cannot delete entity, " + *holds);
  if (absl::Status status = store.DeleteEntity(entity.id); !status.ok()) return ToError(status);
  return std::nullopt;
}

template <IamKind kKind>
ApiOutcome ListEntities(ApiContext& context, ApiCall& call) {
  constexpr KindFacts kFacts = FactsOf(kKind);
  IamInput input(call.input);
  const std::string prefix = input.PathPrefix();
  const PageWish wish = input.Page(kFacts.list);
  if (input.error().has_value()) return input.error();
  const auto entities = context.store.Iam().ListEntities(
      kKind, {.path_prefix = prefix, .after = wish.after, .count_max = wish.count_max + 1});
  if (!entities.ok()) return ToError(entities.status());
  std::vector<PageItem> items;
  for (const IamEntity& entity : *entities) {
    items.push_back({entity.name, EntityJson(entity, nullptr)});
  }
  WritePage(call, kFacts.list, kFacts.list, wish, std::move(items));
  return std::nullopt;
}

ApiOutcome UpdateRole(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const bool has_description = call.input.contains("Description");
  const std::string description = input.TextIfAny("Description", kDescriptionSizeMax);
  const int64_t seconds =
      input.Integer("MaxSessionDuration", kSessionSecondsMin, kSessionSecondsMax, 0);
  if (input.error().has_value()) return input.error();
  return Change(context, call, IamKind::kRole, [&](IamEntity& role) -> std::optional<ApiError> {
    if (has_description) role.description = description;
    if (seconds != 0) role.session_max_seconds = seconds;
    return std::nullopt;
  });
}

ApiOutcome UpdateRoleDescription(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string description = input.Text("Description", 0, kDescriptionSizeMax);
  if (input.error().has_value()) return input.error();
  return Change(context, call, IamKind::kRole, [&](IamEntity& role) -> std::optional<ApiError> {
    role.description = description;
    call.output["Role"] = EntityJson(role, nullptr);
    return std::nullopt;
  });
}

ApiOutcome UpdateAssumeRolePolicy(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string document = input.Document("PolicyDocument", policy::DocumentKind::kTrust);
  input.CheckTrustSize(document);
  if (input.error().has_value()) return input.error();
  return Change(context, call, IamKind::kRole, [&](IamEntity& role) -> std::optional<ApiError> {
    role.trust_policy = document;
    return std::nullopt;
  });
}

// ---------------------------------------------------------------------- members

namespace {

struct Membership {
  IamEntity group;
  IamEntity user;
};

Found<Membership> FindMembership(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  input.Name("UserName");
  if (input.error().has_value()) return *input.error();
  Found<IamEntity> group = FindNamed(context, call, IamKind::kGroup);
  if (auto* error = std::get_if<ApiError>(&group)) return std::move(*error);
  Found<IamEntity> user = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&user)) return std::move(*error);
  return Membership{std::get<IamEntity>(std::move(group)), std::get<IamEntity>(std::move(user))};
}

}  // namespace

ApiOutcome AddUserToGroup(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  Found<Membership> found = FindMembership(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [group, user] = std::get<Membership>(found);
  const absl::StatusOr<std::vector<IamEntity>> groups = store.ListGroupsOf(user.id);
  if (!groups.ok()) return ToError(groups.status());
  for (const IamEntity& has : *groups) {
    if (has.id == group.id) return std::nullopt;
  }
  if (groups->size() >= kGroupsOfUserMax) {
    return LimitExceeded("Cannot exceed quota for GroupsPerUser: " +
                         std::to_string(kGroupsOfUserMax));
  }
  if (absl::Status status = store.AddMember(group.id, user.id); !status.ok()) {
    return ToError(status);
  }
  return std::nullopt;
}

ApiOutcome RemoveUserFromGroup(ApiContext& context, ApiCall& call) {
  Found<Membership> found = FindMembership(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [group, user] = std::get<Membership>(found);
  const absl::Status status = context.store.Iam().RemoveMember(group.id, user.id);
  if (absl::IsNotFound(status)) {
    return NoSuchEntity("The user " + user.name + " is not in the group " + group.name + ".");
  }
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome ListGroupsForUser(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  input.Name("UserName");
  const PageWish wish = input.Page("ListGroupsForUser");
  if (input.error().has_value()) return input.error();
  Found<IamEntity> user = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&user)) return std::move(*error);
  const auto groups = context.store.Iam().ListGroupsOf(std::get<IamEntity>(user).id);
  if (!groups.ok()) return ToError(groups.status());
  std::vector<PageItem> items;
  for (const IamEntity& group : *groups) {
    items.push_back({group.name, EntityJson(group, nullptr)});
  }
  WritePage(call, "Groups", "ListGroupsForUser", wish, std::move(items));
  return std::nullopt;
}

template ApiOutcome CreateEntity<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome CreateEntity<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome CreateEntity<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome GetEntity<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome GetEntity<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome GetEntity<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome UpdateNamed<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome UpdateNamed<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome DeleteEntity<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome DeleteEntity<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome DeleteEntity<IamKind::kRole>(ApiContext&, ApiCall&);
template ApiOutcome ListEntities<IamKind::kUser>(ApiContext&, ApiCall&);
template ApiOutcome ListEntities<IamKind::kGroup>(ApiContext&, ApiCall&);
template ApiOutcome ListEntities<IamKind::kRole>(ApiContext&, ApiCall&);

}  // namespace relay::iam
