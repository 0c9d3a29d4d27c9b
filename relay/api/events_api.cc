#include "relay/api/events_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "relay/api/api_input.h"
#include "relay/api/page_token.h"
#include "relay/audit/audit_outbox.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using By = AuditQuery::By;
using Presence = ApiInput::Presence;

constexpr int64_t kPageDefault = 50;
constexpr size_t kAttributeSizeMax = 2'000;

constexpr std::pair<std::string_view, By> kAttributes[] = {
    {"EventId", By::kId},
    {"EventName", By::kName},
    {"ReadOnly", By::kReadOnly},
    {"Username", By::kUserName},
    {"ResourceType", By::kResourceType},
    {"ResourceName", By::kResourceName},
    {"EventSource", By::kSource},
    {"AccessKeyId", By::kAccessKeyId},
};

std::optional<ApiError> ReadAttribute(const ApiInput::Filter& filter, AuditQuery& query) {
  const ApiError invalid{"InvalidLookupAttributesException",
                         "The lookup attribute that you specified is not valid."};
  const auto* found =
      std::ranges::find(kAttributes, filter.key, &std::pair<std::string_view, By>::first);
  if (found == std::end(kAttributes)) return invalid;
  query.by = found->second;
  query.value = filter.values.front();
  if (query.value.empty() || query.value.size() > kAttributeSizeMax) return invalid;
  if (query.by == By::kReadOnly && query.value != "true" && query.value != "false") return invalid;
  // An ARN is kept by the name at its end.
  if (query.by == By::kResourceName) query.value = ResourceOf(query.value).name;
  return std::nullopt;
}

Json ToJson(const AuditEvent& event) {
  const Json record = Json::parse(event.record, nullptr, /*allow_exceptions=*/false);
  Json json = {{"EventId", event.id},        {"EventName", event.name},
               {"ReadOnly", "false"},        {"EventTime", ToTimestamp(event.time_unix_ms)},
               {"Resources", Json::array()}, {"CloudTrailEvent", event.record}};
  if (!record.is_object()) return json;
  if (record.value("readOnly", Json()) == true) json["ReadOnly"] = "true";
  json["EventSource"] = record.value("eventSource", "");
  const Json identity = record.value("userIdentity", Json::object());
  if (identity.contains("accessKeyId")) json["AccessKeyId"] = identity["accessKeyId"];
  if (identity.contains("userName")) {
    json["Username"] = identity["userName"];
  } else if (identity.contains("arn")) {
    json["Username"] = ResourceOf(identity["arn"].get<std::string>()).name;
  }
  for (const Json& resource : record.value("resources", Json::array())) {
    json["Resources"].push_back({{"ResourceType", resource.value("type", "")},
                                 {"ResourceName", ResourceOf(resource.value("ARN", "")).name}});
  }
  return json;
}

}  // namespace

ApiOutcome LookupEvents(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  AuditQuery query;
  const auto page = static_cast<size_t>(input.Integer("MaxResults", 1, 50).value_or(kPageDefault));
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  const std::optional<int64_t> from = input.Timestamp("StartTime");
  const std::optional<int64_t> to = input.Timestamp("EndTime");
  const std::string category = input.Text("EventCategory", Presence::kOptional, 0, 64);
  const std::vector<ApiInput::Filter> attributes =
      input.Filters("LookupAttributes", "AttributeKey", "AttributeValue", 1);
  if (input.error().has_value()) return input.error();
  if (!category.empty()) {
    return ApiError{"InvalidEventCategoryException",
                    "There are no events of other categories here; leave EventCategory out."};
  }
  if (from.has_value() && to.has_value() && *from > *to) {
    return ApiError{"InvalidTimeRangeException", "StartTime is after EndTime."};
  }
  query.from_unix_ms = std::max(from.value_or(0), call.now_unix_ms - kLookupMs);
  query.to_unix_ms = to.value_or(INT64_MAX);
  for (const ApiInput::Filter& attribute : attributes) {
    if (std::optional<ApiError> error = ReadAttribute(attribute, query)) return error;
  }
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken("events", token);
    uint64_t sequence = 0;
    const bool good = position.has_value() && absl::SimpleAtoi(position->name, &sequence);
    if (!good) return ApiError{"InvalidNextTokenException", "The specified token is not valid."};
    query.after = AuditQuery::Position{position->number, sequence};
  }
  query.count_max = page + 1;  // One more tells whether there is a next page.
  const absl::StatusOr<std::vector<AuditEvent>> events = context.store.LookupAudit(query);
  if (!events.ok()) return LogStoreFailure(events.status());
  call.output["Events"] = Json::array();
  for (size_t i = 0; i < std::min(page, events->size()); ++i) {
    call.output["Events"].push_back(ToJson((*events)[i]));
  }
  if (events->size() > page) {
    const AuditEvent& last = (*events)[page - 1];
    call.output["NextToken"] =
        WritePageToken("events", {last.time_unix_ms, std::to_string(last.sequence)});
  }
  return std::nullopt;
}

}  // namespace relay
