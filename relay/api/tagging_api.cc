#include "relay/api/tagging_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "relay/access/resource_arn.h"
#include "relay/api/api_input.h"
#include "relay/api/document_lookup.h"
#include "relay/api/resource_tags.h"
#include "relay/documents/builtin_documents.h"
#include "relay/store/document_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

// The longest is a document's ARN.
constexpr size_t kIdSizeMax = 256;
constexpr size_t kTypeSizeMax = 64;
constexpr std::string_view kDocumentType = "Document";
constexpr std::string_view kNodeType = "ManagedInstance";

// Tagged is what a request names, before it is known whether it exists.
struct Tagged {
  std::string type;
  std::string id;
  std::string arn;
};

Tagged ReadTagged(ApiInput& input, Presence presence) {
  Tagged tagged;
  tagged.type =
      input.Text("ResourceType", presence, presence == Presence::kRequired ? 1 : 0, kTypeSizeMax);
  tagged.id =
      input.Line("ResourceId", presence, presence == Presence::kRequired ? 1 : 0, kIdSizeMax);
  if (tagged.type == kDocumentType) tagged.id = DocumentNameOf(tagged.id);
  tagged.arn = tagged.type == kDocumentType ? DocumentArn(tagged.id) : NodeArn(tagged.id);
  return tagged;
}

// FindTagged reads what the request is about, which must exist.
std::optional<ApiError> FindTagged(ApiContext& context, const ApiCall& call, Tagged& tagged) {
  ApiInput input(call.input);
  tagged = ReadTagged(input, Presence::kRequired);
  if (input.error().has_value()) return input.error();
  absl::Status status;
  if (tagged.type == kNodeType) {
    status = context.store.FindNode(tagged.id).status();
  } else if (tagged.type == kDocumentType) {
    status = context.store.Documents().FindDocument(tagged.id).status();
  } else {
    return ApiError{"InvalidResourceType",
                    "Nodes and documents have tags here: ResourceType must be ManagedInstance or "
                    "Document."};
  }
  if (absl::IsNotFound(status)) {
    return ApiError{"InvalidResourceId",
                    tagged.type == kNodeType
                        ? "There is no node " + tagged.id + "."
                        : "There is no document " + tagged.id + " of your own."};
  }
  if (!status.ok()) return LogStoreFailure(status);
  return std::nullopt;
}

std::vector<std::string> ReadTagKeys(const ApiCall& call, std::optional<ApiError>& error) {
  std::vector<std::string> keys;
  const auto list = call.input.find("TagKeys");
  if (error.has_value() || list == call.input.end() || list->is_null()) return keys;
  const auto is_key = [](const Json& key) {
    return key.is_string() && !key.get_ref<const std::string&>().empty();
  };
  if (!list->is_array() || list->size() > kTagListMax ||
      !std::all_of(list->begin(), list->end(), is_key)) {
    error = ApiError{"ValidationException", "TagKeys must be a list of tag keys."};
    return keys;
  }
  for (const Json& key : *list) keys.push_back(key.get<std::string>());
  return keys;
}

ApiError Missing(const char* name) {
  return {"ValidationException", std::string("1 validation error detected: Value null at '") +
                                     name +
                                     "' failed to satisfy constraint: Member must not be null"};
}

}  // namespace

ApiOutcome AddTagsToResource(ApiContext& context, ApiCall& call) {
  Tagged tagged;
  std::optional<ApiError> error = FindTagged(context, call, tagged);
  const std::vector<IamTag> tags = ReadTagList(call.input, "Tags", error);
  if (error.has_value()) return error;
  if (!call.input.contains("Tags")) return Missing("tags");
  return PutTags(context.store, tagged.arn, tags);
}

ApiOutcome RemoveTagsFromResource(ApiContext& context, ApiCall& call) {
  Tagged tagged;
  std::optional<ApiError> error = FindTagged(context, call, tagged);
  const std::vector<std::string> keys = ReadTagKeys(call, error);
  if (error.has_value()) return error;
  if (!call.input.contains("TagKeys")) return Missing("tagKeys");
  for (const std::string& key : keys) {
    const absl::Status status = context.store.Iam().RemoveTag(tagged.arn, key);
    if (!status.ok() && !absl::IsNotFound(status)) return LogStoreFailure(status);
  }
  return std::nullopt;
}

ApiOutcome ListTagsForResource(ApiContext& context, ApiCall& call) {
  Tagged tagged;
  if (std::optional<ApiError> error = FindTagged(context, call, tagged)) return error;
  const absl::StatusOr<std::vector<IamTag>> tags = context.store.Iam().ListTags(tagged.arn);
  if (!tags.ok()) return LogStoreFailure(tags.status());
  call.output["TagList"] = ToJson(*tags);
  return std::nullopt;
}

void AskOfTagged(ApiContext&, ApiCall& call, AccessQuestion& question) {
  ApiInput input(call.input);
  AccessResource& resource = question.resources.front();
  resource.arn = ReadTagged(input, Presence::kOptional).arn;
  resource.tag_owner = resource.arn;
  // What an operation ignores must not be what it is judged by.
  if (call.operation == "AddTagsToResource") AddTagKeys(call, question);
  if (call.operation != "RemoveTagsFromResource") return;
  std::optional<ApiError> error;
  std::vector<std::string> keys = ReadTagKeys(call, error);
  if (!keys.empty()) question.keys.emplace_back("aws:TagKeys", std::move(keys));
}

}  // namespace relay
