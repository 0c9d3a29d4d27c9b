// DescribeActivations and DeleteActivation.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "relay/access/resource_arn.h"
#include "relay/api/activations_api.h"
#include "relay/api/api_input.h"
#include "relay/api/document_lookup.h"
#include "relay/api/page_token.h"
#include "relay/api/resource_tags.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;
using Filters = std::vector<ApiInput::Filter>;

constexpr int64_t kPageDefault = 50;
constexpr size_t kFiltersCountMax = 10;
constexpr std::string_view kList = "activations";

Json ToJson(const Activation& activation, const std::vector<IamTag>& tags, int64_t now_unix_ms) {
  Json json = {{"ActivationId", activation.id},
               {"RegistrationLimit", activation.registration_limit},
               {"RegistrationsCount", activation.registration_count},
               {"CreatedDate", ToTimestamp(activation.created_unix_ms)},
               {"ExpirationDate", ToTimestamp(activation.expires_unix_ms)},
               {"Expired", now_unix_ms >= activation.expires_unix_ms}};
  const auto add = [&json](const char* name, const std::string& text) {
    if (!text.empty()) json[name] = text;
  };
  add("Description", activation.description);
  add("DefaultInstanceName", activation.default_node_name);
  add("IamRole", activation.iam_role);
  if (!tags.empty()) json["Tags"] = ToJson(tags);
  return json;
}

// MemberOf returns what a filter key is compared with; null: there is no such key.
const std::string* MemberOf(const Activation& activation, const std::string& key) {
  if (key == "ActivationIds") return &activation.id;
  if (key == "DefaultInstanceName") return &activation.default_node_name;
  if (key == "IamRole") return &activation.iam_role;
  return nullptr;
}

bool Matches(const Activation& activation, const Filters& filters) {
  return std::ranges::all_of(filters, [&](const ApiInput::Filter& filter) {
    return std::ranges::find(filter.values, *MemberOf(activation, filter.key)) !=
           filter.values.end();
  });
}

bool IsUuid(std::string_view id) {
  if (id.size() != 36) return false;
  for (size_t i = 0; i < id.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_digit = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');
    if (is_dash ? id[i] != '-' : !is_digit) return false;
  }
  return true;
}

}  // namespace

ApiOutcome DescribeActivations(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const Filters filters = input.Filters("Filters", "FilterKey", "FilterValues", kFiltersCountMax);
  const auto page = static_cast<size_t>(input.Integer("MaxResults", 1, 50).value_or(kPageDefault));
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  if (input.error().has_value()) return input.error();
  const Activation any;
  for (const ApiInput::Filter& filter : filters) {
    if (MemberOf(any, filter.key) == nullptr) {
      return ApiError{"InvalidFilter",
                      "There is no filter " + filter.key +
                          "; there are ActivationIds, DefaultInstanceName and IamRole."};
    }
  }
  PagePosition after{std::numeric_limits<int64_t>::max(), {}};
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken(kList, token);
    if (!position.has_value()) return InvalidNextToken();
    after = *position;
  }
  Json& list = call.output["ActivationList"] = Json::array();
  for (;;) {
    const auto found = context.store.ListActivations(after.number, after.name, page + 1);
    if (!found.ok()) return LogStoreFailure(found.status());
    for (const Activation& activation : *found) {
      const bool is_listed = Matches(activation, filters);
      if (is_listed && list.size() == page) {
        call.output["NextToken"] = WritePageToken(kList, after);
        return std::nullopt;
      }
      after = {activation.created_unix_ms, activation.id};
      if (!is_listed) continue;
      const auto tags = context.store.Iam().ListTags(ActivationArn(activation.id));
      if (!tags.ok()) return LogStoreFailure(tags.status());
      list.push_back(ToJson(activation, *tags, call.now_unix_ms));
    }
    if (found->size() <= page) return std::nullopt;
  }
}

ApiOutcome DeleteActivation(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string id = input.Line("ActivationId", Presence::kRequired, 0, 64);
  if (input.error().has_value()) return input.error();
  if (!IsUuid(id)) {
    return ApiError{"InvalidActivationId",
                    "An activation ID looks like 01234567-89ab-cdef-0123-456789abcdef."};
  }
  const absl::Status status = context.store.DeleteActivation(id);
  if (absl::IsNotFound(status)) {
    return ApiError{"InvalidActivation", "There is no activation " + id + "."};
  }
  if (!status.ok()) return LogStoreFailure(status);
  return RemoveAllTags(context.store, ActivationArn(id));
}

}  // namespace relay
