// Finding what a request names, or saying that it is not there; and how things look in answers.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/api/api_call.h"
#include "relay/iam/iam_input.h"
#include "relay/store/iam_store.h"

namespace relay::iam {

// Found is a thing, or why there is none.
template <class Thing>
using Found = std::variant<Thing, ApiError>;

// NameMember is "UserName", "GroupName" or "RoleName"; KindText "user", "group" or "role".
const char* NameMember(IamKind kind);
std::string KindText(IamKind kind);

// FindNamed finds the entity that the request names. A user may be left out: it is the caller then.
Found<IamEntity> FindNamed(ApiContext& context, const ApiCall& call, IamKind kind);

// ManagedFacts is a managed policy, be it in the store or shipped.
struct ManagedFacts {
  IamPolicy policy;
  std::string arn;
  bool is_shipped = false;
  std::string shipped_document;
};
Found<ManagedFacts> FindManaged(ApiContext& context, std::string_view arn);
std::vector<ManagedFacts> ShippedPolicies();

// ToError is the answer to a failure of the store, which goes to the log.
ApiError ToError(const absl::Status& status);

std::string IsoTime(int64_t unix_ms);
nlohmann::json TagsJson(const std::vector<IamTag>& tags);
// EntityJson is a user, group or role as lists have it; `tags` null: they are left out.
nlohmann::json EntityJson(const IamEntity& entity, const std::vector<IamTag>* tags);

// PageItem is one entry of a list on its way into an answer.
struct PageItem {
  std::string name;
  nlohmann::json json;
};
// WritePage puts those behind the wish's name into the answer, with IsTruncated and Marker.
void WritePage(ApiCall& call, const char* member, std::string_view list, const PageWish& wish,
               std::vector<PageItem> items);

}  // namespace relay::iam
