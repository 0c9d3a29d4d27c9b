#include "relay/api/nodes_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "relay/access/resource_arn.h"
#include "relay/api/api_input.h"
#include "relay/api/page_token.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr int64_t kNodesPageDefault = 50;
constexpr size_t kNodesRead = 500;  // From the store, at a time.
constexpr size_t kFiltersCountMax = 10;
constexpr size_t kKeyShownMax = 64;
constexpr std::string_view kOnline = "Online";
constexpr std::string_view kConnectionLost = "ConnectionLost";
constexpr std::string_view kInactive = "Inactive";
constexpr std::string_view kResourceType = "ManagedInstance";

// Platform splits "Linux Debian GNU/Linux 12 x86_64" into the type and the rest.
std::string PlatformType(const Node& node) {
  return node.platform.substr(0, node.platform.find(' '));
}
std::string PlatformName(const Node& node) {
  const size_t space = node.platform.find(' ');
  return space == std::string::npos ? std::string() : node.platform.substr(space + 1);
}

// NodeView is a node as it is shown, and what filters look at.
struct NodeView {
  const Node& node;
  std::string_view ping_status;
  std::vector<IamTag> tags;
};

// How long a node may be away until it counts as Inactive: as with AWS.
constexpr int64_t kInactiveMs = int64_t{30} * 24 * 3600 * 1000;

std::string_view PingStatus(const Node& node, bool connected, int64_t now_unix_ms) {
  if (connected) return kOnline;
  return now_unix_ms - node.last_seen_unix_ms > kInactiveMs ? kInactive : kConnectionLost;
}

Json ToJson(const NodeView& view, int64_t now_unix_ms) {
  const Node& node = view.node;
  const bool connected = view.ping_status == kOnline;
  Json json = {
      {"InstanceId", node.id},
      {"PingStatus", view.ping_status},
      {"LastPingDateTime", ToTimestamp(connected ? now_unix_ms : node.last_seen_unix_ms)},
      {"RegistrationDate", ToTimestamp(node.registered_unix_ms)},
      {"ResourceType", kResourceType},
      {"Name", node.name},
      {"ComputerName", node.name},
  };
  const auto add = [&json](const char* name, const std::string& text) {
    if (!text.empty()) json[name] = text;
  };
  add("AgentVersion", node.agent_version);
  add("PlatformType", PlatformType(node));
  add("PlatformName", PlatformName(node));
  add("ActivationId", node.activation_id);
  add("IamRole", node.iam_role);
  add("IPAddress", node.source_ip);
  return json;
}

bool AnyOf(const std::vector<std::string>& values, std::string_view text) {
  return std::ranges::find(values, text) != values.end();
}

// Matches is nothing for a key that does not exist. Things that nodes here never have match
// nothing.
std::optional<bool> Matches(const NodeView& view, const ApiInput::Filter& filter) {
  const auto is = [&filter](std::string_view text) { return AnyOf(filter.values, text); };
  const std::string& key = filter.key;
  if (key == "InstanceIds") return is(view.node.id);
  if (key == "adit:Name") return is(view.node.name);  // Ours: AWS cannot look for names.
  if (key == "AgentVersion") return is(view.node.agent_version);
  if (key == "PingStatus") return is(view.ping_status);
  if (key == "PlatformTypes" || key == "PlatformType") return is(PlatformType(view.node));
  if (key == "ActivationIds") return is(view.node.activation_id);
  if (key == "IamRole") return is(view.node.iam_role);
  if (key == "ResourceType") return is(kResourceType);
  if (key == "AssociationStatus" || key == "SourceIds" || key == "SourceTypes") return false;
  const auto any_tag = [&view](auto predicate) {
    return std::ranges::any_of(view.tags, predicate);
  };
  if (key == "tag-key") return any_tag([&](const IamTag& tag) { return is(tag.key); });
  if (!key.starts_with("tag:")) return std::nullopt;
  return any_tag([&](const IamTag& tag) { return tag.key == key.substr(4) && is(tag.value); });
}

// CheckFilter refuses keys and values that do not exist; the older list knows fewer keys.
std::optional<ApiError> CheckFilter(const ApiInput::Filter& filter, bool is_old) {
  const Node nobody;
  const std::string& key = filter.key;
  const bool is_newer = key.starts_with("tag") || key.starts_with("Source") ||
                        key.starts_with("adit:") || key == "PlatformType";
  if (!Matches({nobody, {}, {}}, filter).has_value() || (is_old && is_newer)) {
    return ApiError{"InvalidFilterKey", "There is no filter " + key.substr(0, kKeyShownMax) + "."};
  }
  const auto check = [&filter](const std::vector<std::string>& known) -> std::optional<ApiError> {
    for (const std::string& value : filter.values) {
      if (AnyOf(known, value)) continue;
      return ApiError{
          "InvalidInstanceInformationFilterValue",
          "The filter " + filter.key + " has no value " + value.substr(0, kKeyShownMax) + "."};
    }
    return std::nullopt;
  };
  if (key == "PingStatus") {
    return check({std::string(kOnline), std::string(kConnectionLost), std::string(kInactive)});
  }
  if (key == "ResourceType") return check({std::string(kResourceType), "EC2Instance"});
  if (key.starts_with("PlatformType")) return check({"Windows", "Linux", "MacOS"});
  return std::nullopt;
}

// ReadFilters reads both lists. AWS takes one of them at a time.
std::vector<ApiInput::Filter> ReadFilters(ApiInput& input, std::optional<ApiError>& error) {
  std::vector<ApiInput::Filter> filters =
      input.Filters("Filters", "Key", "Values", kFiltersCountMax);
  const std::vector<ApiInput::Filter> old_filters =
      input.Filters("InstanceInformationFilterList", "key", "valueSet", kFiltersCountMax);
  error = input.error();
  if (!error.has_value() && !filters.empty() && !old_filters.empty()) {
    error = ApiError{"ValidationException",
                     "Filters and InstanceInformationFilterList cannot be used together."};
  }
  for (const ApiInput::Filter& filter : filters) {
    if (!error.has_value()) error = CheckFilter(filter, /*is_old=*/false);
  }
  for (const ApiInput::Filter& filter : old_filters) {
    if (!error.has_value()) error = CheckFilter(filter, /*is_old=*/true);
  }
  filters.insert(filters.end(), old_filters.begin(), old_filters.end());
  return filters;
}

}  // namespace

ApiOutcome DescribeInstanceInformation(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const auto page =
      static_cast<size_t>(input.Integer("MaxResults", 5, 50).value_or(kNodesPageDefault));
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  std::optional<ApiError> error;
  const std::vector<ApiInput::Filter> filters = ReadFilters(input, error);
  if (error.has_value()) return error;
  const bool wants_tags = std::ranges::any_of(
      filters, [](const ApiInput::Filter& filter) { return filter.key.starts_with("tag"); });
  std::string after;
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken("nodes", token);
    if (!position.has_value()) return InvalidNextToken();
    after = position->name;
  }
  Json& list = call.output["InstanceInformationList"] = Json::array();
  for (;;) {
    const absl::StatusOr<std::vector<Node>> nodes = context.store.ListNodes(after, kNodesRead);
    if (!nodes.ok()) return LogStoreFailure(nodes.status());
    for (const Node& node : *nodes) {
      const bool connected = context.broker.IsConnected(node.id);
      NodeView view{node, PingStatus(node, connected, call.now_unix_ms), {}};
      if (wants_tags) {
        auto tags = context.store.Iam().ListTags(NodeArn(node.id));
        if (!tags.ok()) return LogStoreFailure(tags.status());
        view.tags = *std::move(tags);
      }
      const bool is_listed =
          std::ranges::all_of(filters, [&view](const auto& each) { return *Matches(view, each); });
      if (is_listed && list.size() == page) {
        call.output["NextToken"] = WritePageToken("nodes", {0, after});
        return std::nullopt;
      }
      after = node.id;
      if (is_listed) list.push_back(ToJson(view, call.now_unix_ms));
    }
    if (nodes->size() < kNodesRead) return std::nullopt;
  }
}

ApiOutcome GetConnectionStatus(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string target = input.Line("Target", Presence::kRequired, 1, 400);
  if (input.error().has_value()) return input.error();
  call.output = {{"Target", target},
                 {"Status", context.broker.IsConnected(target) ? "connected" : "notconnected"}};
  return std::nullopt;
}

}  // namespace relay
