#include "relay/iam/account_details_api.h"

#include <algorithm>
#include <utility>

#include "engine/http/sigv4.h"
#include "relay/api/page_token.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/iam/policies_api.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kList = "AuthorizationDetails";

// Part is one kind of thing in the answer. The parts follow one another, each in the order of its
// names; a marker is the part's number and the last name.
struct Part {
  std::string_view filter;
  const char* member;
  IamKind kind;  // Of the first three.
};
constexpr Part kParts[] = {{"User", "UserDetailList", IamKind::kUser},
                           {"Group", "GroupDetailList", IamKind::kGroup},
                           {"Role", "RoleDetailList", IamKind::kRole},
                           {"LocalManagedPolicy", "Policies", IamKind::kUser},
                           {"AWSManagedPolicy", "Policies", IamKind::kUser}};
constexpr size_t kLocalPart = 3;

std::string InlineMember(IamKind kind) {
  if (kind == IamKind::kUser) return "UserPolicyList";
  return kind == IamKind::kGroup ? "GroupPolicyList" : "RolePolicyList";
}

absl::StatusOr<Json> Detail(IamStore& store, const IamEntity& entity) {
  const auto tags = store.ListTags(entity.id);
  if (!tags.ok()) return tags.status();
  const auto inlines = store.ListInlinePolicies(entity.id);
  if (!inlines.ok()) return inlines.status();
  const auto attached = store.ListAttached(entity.id);
  if (!attached.ok()) return attached.status();
  Json json = EntityJson(entity, &*tags);
  Json& list = json[InlineMember(entity.kind)] = Json::array();
  for (const IamInlinePolicy& policy : *inlines) {
    list.push_back(
        {{"PolicyName", policy.name},
         {"PolicyDocument", engine::UriEncode(policy.document, engine::Slash::kEncode)}});
  }
  Json& managed = json["AttachedManagedPolicies"] = Json::array();
  for (const std::string& arn : *attached) {
    managed.push_back({{"PolicyName", arn.substr(arn.rfind('/') + 1)}, {"PolicyArn", arn}});
  }
  if (entity.kind == IamKind::kUser) {
    const auto groups = store.ListGroupsOf(entity.id);
    if (!groups.ok()) return groups.status();
    Json& names = json["GroupList"] = Json::array();
    for (const IamEntity& group : *groups) names.push_back(group.name);
  } else if (entity.kind == IamKind::kRole) {
    json["InstanceProfileList"] = Json::array();
    json.erase("MaxSessionDuration");  // Not told here.
    json.erase("Description");
  }
  return json;
}

// ItemsOf returns those of a part behind a name, `count` at most.
absl::StatusOr<std::vector<PageItem>> ItemsOf(ApiContext& context, size_t part,
                                              const std::string& after, size_t count) {
  IamStore& store = context.store.Iam();
  std::vector<PageItem> items;
  std::vector<ManagedFacts> policies;
  if (part < kLocalPart) {
    const auto entities =
        store.ListEntities(kParts[part].kind, {.after = after, .count_max = count});
    if (!entities.ok()) return entities.status();
    for (const IamEntity& entity : *entities) {
      absl::StatusOr<Json> detail = Detail(store, entity);
      if (!detail.ok()) return detail.status();
      items.push_back({entity.name, *std::move(detail)});
    }
  } else if (part == kLocalPart) {
    const auto own = store.ListPolicies({.after = after, .count_max = count});
    if (!own.ok()) return own.status();
    for (const IamPolicy& policy : *own) policies.push_back({policy, policy.Arn(), false, {}});
  } else {
    policies = ShippedPolicies();
    std::ranges::sort(policies, {}, [](const ManagedFacts& each) { return each.policy.name; });
    std::erase_if(policies, [&](const ManagedFacts& each) { return each.policy.name <= after; });
  }
  for (const ManagedFacts& policy : policies) {
    absl::StatusOr<Json> detail = PolicyDetail(context, policy);
    if (!detail.ok()) return detail.status();
    items.push_back({policy.policy.name, *std::move(detail)});
  }
  return items;
}

}  // namespace

ApiOutcome GetAccountAuthorizationDetails(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::vector<std::string> filters = input.Texts("Filter", std::size(kParts), 32);
  PageWish wish = input.Page(kList);
  for (const std::string& filter : filters) {
    if (std::ranges::find(kParts, filter, &Part::filter) == std::end(kParts)) {
      input.Fail({"ValidationError",
                  "Filter: there are User, Group, Role, LocalManagedPolicy and AWSManagedPolicy."});
    }
  }
  if (input.error().has_value()) return input.error();
  size_t part = 0;
  std::string after;
  if (!wish.after.empty()) {
    part = static_cast<size_t>(wish.after[0] - '0');
    after = wish.after.substr(1);
  }
  for (const Part& each : kParts) call.output[each.member] = Json::array();
  call.output["IsTruncated"] = false;
  std::string last;
  for (size_t left = wish.count_max; part < std::size(kParts); ++part, after.clear()) {
    const std::string filter(kParts[part].filter);
    if (!filters.empty() && std::ranges::find(filters, filter) == filters.end()) continue;
    absl::StatusOr<std::vector<PageItem>> items = ItemsOf(context, part, after, left + 1);
    if (!items.ok()) return ToError(items.status());
    for (PageItem& item : *items) {
      if (left == 0) {
        call.output["IsTruncated"] = true;
        call.output["Marker"] = WritePageToken(kList, {0, last});
        return std::nullopt;
      }
      --left;
      last = std::to_string(part) + item.name;
      call.output[kParts[part].member].push_back(std::move(item.json));
    }
  }
  return std::nullopt;
}

}  // namespace relay::iam
