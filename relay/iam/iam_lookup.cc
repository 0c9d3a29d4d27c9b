#include "relay/iam/iam_lookup.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "relay/api/page_token.h"
#include "relay/iam/iam_error.h"
#include "relay/policy/ascii_text.h"
#include "relay/policy/managed_policies.h"
#include "relay/store/store.h"

namespace relay::iam {

using Json = nlohmann::json;

namespace {

// IsBefore orders names as the store does: without case, and as they are where that is the same.
bool IsBefore(const std::string& left, const std::string& right) {
  const std::string lower_left = policy::LowerCase(left);
  const std::string lower_right = policy::LowerCase(right);
  return std::tie(lower_left, left) < std::tie(lower_right, right);
}

}  // namespace

const char* NameMember(IamKind kind) {
  switch (kind) {
    case IamKind::kUser:
      return "UserName";
    case IamKind::kGroup:
      return "GroupName";
    case IamKind::kRole:
      return "RoleName";
  }
  return "";
}

std::string KindText(IamKind kind) {
  switch (kind) {
    case IamKind::kUser:
      return "user";
    case IamKind::kGroup:
      return "group";
    case IamKind::kRole:
      return "role";
  }
  return "";
}

ApiError ToError(const absl::Status& status) { return LogStoreFailure(status); }

Found<IamEntity> FindNamed(ApiContext& context, const ApiCall& call, IamKind kind) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  absl::StatusOr<IamEntity> entity;
  std::string name;
  if (kind == IamKind::kUser && !input.Has("UserName")) {
    entity = store.FindEntityById(call.caller.entity_id);
    if (entity.ok() && entity->kind != IamKind::kUser) {
      return Invalid("Must specify userName when calling with non-User credentials");
    }
  } else {
    name = input.Name(NameMember(kind));
    if (input.error().has_value()) return *input.error();
    entity = store.FindEntity(kind, name);
  }
  if (absl::IsNotFound(entity.status())) {
    return NoSuchEntity("The " + KindText(kind) + " with name " + name + " cannot be found.");
  }
  if (!entity.ok()) return ToError(entity.status());
  return *std::move(entity);
}

std::vector<ManagedFacts> ShippedPolicies() {
  std::vector<ManagedFacts> all;
  for (const policy::ManagedPolicy& shipped : policy::ManagedPolicies()) {
    // Their ids are made of their names, so that they are the same on every relay.
    std::string id = "ANPA";
    for (const char c : shipped.name) {
      id.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
    id.resize(21, 'A');
    all.push_back({.policy = {.id = std::move(id),
                              .name = std::string(shipped.name),
                              .description = std::string(shipped.description),
                              .created_unix_ms = 1'600'000'000'000,
                              .updated_unix_ms = 1'600'000'000'000},
                   .arn = std::string(shipped.arn),
                   .is_shipped = true,
                   .shipped_document = std::string(shipped.document)});
  }
  return all;
}

Found<ManagedFacts> FindManaged(ApiContext& context, std::string_view arn) {
  for (ManagedFacts& shipped : ShippedPolicies()) {
    if (shipped.arn == arn) return std::move(shipped);
  }
  absl::StatusOr<IamPolicy> policy = context.store.Iam().FindPolicy(arn);
  if (absl::IsNotFound(policy.status())) {
    return NoSuchEntity("Policy " + std::string(arn) + " does not exist or is not attachable.");
  }
  if (!policy.ok()) return ToError(policy.status());
  return ManagedFacts{.policy = *std::move(policy), .arn = std::string(arn)};
}

std::string IsoTime(int64_t unix_ms) { return engine::IsoDate(unix_ms / 1000); }

Json TagsJson(const std::vector<IamTag>& tags) {
  Json list = Json::array();
  for (const IamTag& tag : tags) list.push_back({{"Key", tag.key}, {"Value", tag.value}});
  return list;
}

Json EntityJson(const IamEntity& entity, const std::vector<IamTag>* tags) {
  Json json = {{"Path", entity.path},
               {NameMember(entity.kind), entity.name},
               {"Arn", entity.Arn()},
               {"CreateDate", IsoTime(entity.created_unix_ms)}};
  switch (entity.kind) {
    case IamKind::kUser:
      json["UserId"] = entity.id;
      break;
    case IamKind::kGroup:
      json["GroupId"] = entity.id;
      break;
    case IamKind::kRole:
      json["RoleId"] = entity.id;
      json["AssumeRolePolicyDocument"] =
          engine::UriEncode(entity.trust_policy, engine::Slash::kEncode);
      json["MaxSessionDuration"] = entity.session_max_seconds;
      if (!entity.description.empty()) json["Description"] = entity.description;
      break;
  }
  if (!entity.boundary_arn.empty()) {
    json["PermissionsBoundary"] = {{"PermissionsBoundaryType", "PermissionsBoundaryPolicy"},
                                   {"PermissionsBoundaryArn", entity.boundary_arn}};
  }
  if (tags != nullptr && !tags->empty()) json["Tags"] = TagsJson(*tags);
  return json;
}

void WritePage(ApiCall& call, const char* member, std::string_view list, const PageWish& wish,
               std::vector<PageItem> items) {
  std::ranges::sort(items, IsBefore, &PageItem::name);
  Json& page = call.output[member] = Json::array();
  const PageItem* last = nullptr;
  for (PageItem& item : items) {
    if (!wish.after.empty() && !IsBefore(wish.after, item.name)) continue;
    if (page.size() == wish.count_max) {
      call.output["IsTruncated"] = true;
      call.output["Marker"] = WritePageToken(list, {0, last->name});
      return;
    }
    page.push_back(std::move(item.json));
    last = &item;
  }
  call.output["IsTruncated"] = false;
}

}  // namespace relay::iam
