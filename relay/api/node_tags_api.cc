#include "relay/api/node_tags_api.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "relay/access/resource_arn.h"
#include "relay/api/api_input.h"
#include "relay/policy/ascii_text.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr size_t kIdSizeMax = 64;
constexpr size_t kKeySizeMax = 128;
constexpr size_t kValueSizeMax = 256;
constexpr std::string_view kReservedPrefix = "aws:";

// FindNode returns the ARN of the node that the request names.
std::optional<ApiError> FindNode(ApiContext& context, const ApiCall& call, std::string& arn) {
  ApiInput input(call.input);
  const std::string type = input.Text("ResourceType", Presence::kRequired, 1, kIdSizeMax);
  const std::string id = input.Line("ResourceId", Presence::kRequired, 1, kIdSizeMax);
  if (input.error().has_value()) return input.error();
  if (type != "ManagedInstance") {
    return ApiError{"InvalidResourceType",
                    "Only nodes can be tagged by this call: ResourceType ManagedInstance."};
  }
  const absl::StatusOr<Node> node = context.store.FindNode(id);
  if (absl::IsNotFound(node.status())) {
    return ApiError{"InvalidResourceId", "There is no node " + id + "."};
  }
  if (!node.ok()) return LogStoreFailure(node.status());
  arn = NodeArn(id);
  return std::nullopt;
}

std::optional<ApiError> ReadTags(const ApiCall& call, std::vector<IamTag>& tags) {
  const auto list = call.input.find("Tags");
  const bool is_list = list != call.input.end() && list->is_array() && !list->empty();
  if (!is_list || list->size() > kNodeTagsMax) {
    return ApiError{"ValidationException", "Tags must be a list of 1 to " +
                                               std::to_string(kNodeTagsMax) + " keys and values."};
  }
  std::set<std::string> keys;  // Without regard for case, as conditions see them.
  for (const Json& each : *list) {
    if (!each.is_object()) {
      return ApiError{"ValidationException", "A tag must have a Key and a Value."};
    }
    ApiInput input(each);
    IamTag tag;
    tag.key = input.Line("Key", Presence::kRequired, 1, kKeySizeMax);
    tag.value = input.Line("Value", Presence::kRequired, 0, kValueSizeMax);
    if (input.error().has_value()) return input.error();
    if (tag.key.starts_with(kReservedPrefix)) {
      return ApiError{"ValidationException", "Tag keys that begin with aws: are reserved."};
    }
    if (!keys.insert(policy::LowerCase(tag.key)).second) {
      return ApiError{"ValidationException", "The tag key " + tag.key + " stands twice in Tags."};
    }
    tags.push_back(std::move(tag));
  }
  return std::nullopt;
}

std::vector<std::string> KeysOf(const ApiCall& call) {
  std::vector<std::string> keys;
  const auto list = call.input.find("TagKeys");
  if (list == call.input.end() || !list->is_array()) return keys;
  for (const Json& each : *list) {
    if (each.is_string() && keys.size() < kNodeTagsMax) keys.push_back(each.get<std::string>());
  }
  return keys;
}

}  // namespace

ApiOutcome AddTagsToResource(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  std::string arn;
  if (std::optional<ApiError> error = FindNode(context, call, arn)) return error;
  std::vector<IamTag> tags;
  if (std::optional<ApiError> error = ReadTags(call, tags)) return error;
  const absl::StatusOr<std::vector<IamTag>> has = store.ListTags(arn);
  if (!has.ok()) return LogStoreFailure(has.status());
  std::set<std::string> keys;
  for (const IamTag& tag : *has) keys.insert(tag.key);
  for (const IamTag& tag : tags) keys.insert(tag.key);
  if (keys.size() > kNodeTagsMax) {
    return ApiError{"TooManyTagsError",
                    "A node has at most " + std::to_string(kNodeTagsMax) + " tags."};
  }
  for (const IamTag& tag : tags) {
    if (absl::Status status = store.PutTag(arn, tag); !status.ok()) return LogStoreFailure(status);
  }
  return std::nullopt;
}

ApiOutcome RemoveTagsFromResource(ApiContext& context, ApiCall& call) {
  std::string arn;
  if (std::optional<ApiError> error = FindNode(context, call, arn)) return error;
  for (const std::string& key : KeysOf(call)) {
    const absl::Status status = context.store.Iam().RemoveTag(arn, key);
    if (!status.ok() && !absl::IsNotFound(status)) return LogStoreFailure(status);
  }
  return std::nullopt;
}

ApiOutcome ListTagsForResource(ApiContext& context, ApiCall& call) {
  std::string arn;
  if (std::optional<ApiError> error = FindNode(context, call, arn)) return error;
  const absl::StatusOr<std::vector<IamTag>> tags = context.store.Iam().ListTags(arn);
  if (!tags.ok()) return LogStoreFailure(tags.status());
  Json& list = call.output["TagList"] = Json::array();
  for (const IamTag& tag : *tags) list.push_back({{"Key", tag.key}, {"Value", tag.value}});
  return std::nullopt;
}

void AskOfTaggedNode(ApiContext&, const ApiCall& call, AccessQuestion& question) {
  ApiInput input(call.input);
  AccessResource& node = question.resources.front();
  node.arn = NodeArn(input.Line("ResourceId", Presence::kOptional, 0, kIdSizeMax));
  node.tag_owner = node.arn;
  std::vector<IamTag> tags;
  std::vector<std::string> keys = KeysOf(call);
  // What cannot be read is refused by the operation.
  if (call.input.contains("Tags") && ReadTags(call, tags).has_value()) tags.clear();
  for (const IamTag& tag : tags) {
    question.keys.emplace_back("aws:RequestTag/" + tag.key, std::vector<std::string>{tag.value});
    keys.push_back(tag.key);
  }
  if (!keys.empty()) question.keys.emplace_back("aws:TagKeys", std::move(keys));
}

}  // namespace relay
