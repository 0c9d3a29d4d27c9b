#include "relay/api/nodes_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "relay/api/api_input.h"
#include "relay/api/page_token.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr int64_t kNodesPageDefault = 50;
constexpr size_t kFiltersCountMax = 10;

// Platform splits "Linux Debian GNU/Linux 12 x86_64" into the type and the rest.
std::string PlatformType(const Node& node) {
  return node.platform.substr(0, node.platform.find(' '));
}
std::string PlatformName(const Node& node) {
  const size_t space = node.platform.find(' ');
  return space == std::string::npos ? std::string() : node.platform.substr(space + 1);
}

Json ToJson(const Node& node, bool connected, int64_t now_unix_ms) {
  Json json = {
      {"InstanceId", node.id},
      {"PingStatus", connected ? "Online" : "ConnectionLost"},
      {"LastPingDateTime", ToTimestamp(connected ? now_unix_ms : node.last_seen_unix_ms)},
      {"RegistrationDate", ToTimestamp(node.registered_unix_ms)},
      {"ResourceType", "ManagedInstance"},
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
  add("IPAddress", node.source_ip);
  return json;
}

// ValueOf returns what a filter key is compared with; nothing for a key that does not exist. Keys
// of things that nodes here never have compare with an empty text, which no filter value equals.
std::optional<std::string> ValueOf(const Node& node, bool connected, const std::string& key) {
  if (key == "InstanceIds") return node.id;
  if (key == "AgentVersion") return node.agent_version;
  if (key == "PingStatus") return connected ? "Online" : "ConnectionLost";
  if (key == "PlatformTypes" || key == "PlatformType") return PlatformType(node);
  if (key == "ActivationIds") return node.activation_id;
  if (key == "ResourceType") return "ManagedInstance";
  if (key == "IamRole" || key == "AssociationStatus" || key == "SourceIds" ||
      key == "SourceTypes" || key == "tag-key" || key.starts_with("tag:")) {
    return std::string();
  }
  return std::nullopt;
}

bool Matches(const Node& node, bool connected, const std::vector<ApiInput::Filter>& filters) {
  for (const ApiInput::Filter& filter : filters) {
    const std::optional<std::string> value = ValueOf(node, connected, filter.key);
    if (std::find(filter.values.begin(), filter.values.end(), value) == filter.values.end()) {
      return false;
    }
  }
  return true;
}

}  // namespace

ApiOutcome DescribeInstanceInformation(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  std::vector<ApiInput::Filter> filters =
      input.Filters("Filters", "Key", "Values", kFiltersCountMax);
  const std::vector<ApiInput::Filter> old_filters =
      input.Filters("InstanceInformationFilterList", "key", "valueSet", kFiltersCountMax);
  const auto page =
      static_cast<size_t>(input.Integer("MaxResults", 5, 50).value_or(kNodesPageDefault));
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  if (input.error().has_value()) return input.error();
  filters.insert(filters.end(), old_filters.begin(), old_filters.end());
  for (const ApiInput::Filter& filter : filters) {
    if (!ValueOf(Node(), false, filter.key).has_value()) {
      return ApiError{"InvalidFilterKey", "The specified filter key is not valid."};
    }
  }
  std::string after;
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken("nodes", token);
    if (!position.has_value())
      return ApiError{"InvalidNextToken", "The specified token is not valid."};
    after = position->name;
  }
  Json& list = call.output["InstanceInformationList"] = Json::array();
  for (;;) {
    const absl::StatusOr<std::vector<Node>> nodes = context.store.ListNodes(after, page + 1);
    if (!nodes.ok()) return LogStoreFailure(nodes.status());
    for (const Node& node : *nodes) {
      const bool connected = context.broker.IsConnected(node.id);
      if (!Matches(node, connected, filters)) {
        after = node.id;
        continue;
      }
      if (list.size() == page) {
        call.output["NextToken"] = WritePageToken("nodes", {0, after});
        return std::nullopt;
      }
      list.push_back(ToJson(node, connected, call.now_unix_ms));
      after = node.id;
    }
    if (nodes->size() <= page) return std::nullopt;
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
