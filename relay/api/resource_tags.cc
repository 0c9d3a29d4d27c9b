#include "relay/api/resource_tags.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "relay/policy/ascii_text.h"
#include "relay/store/iam_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

constexpr size_t kKeySizeMax = 128;
constexpr size_t kValueSizeMax = 256;

ApiError TagError(const std::string& what) {
  return {"ValidationException", "1 validation error detected: " + what};
}

// Letters of any script, digits, blanks and a few signs; that bytes above 127 are letters is the
// client's word.
bool IsTagText(std::string_view text) {
  static constexpr std::string_view kSigns = " _.:/=+-@";
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           static_cast<uint8_t>(c) >= 0x80 || kSigns.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::vector<IamTag> ReadTagList(const nlohmann::json& input, const char* name,
                                std::optional<ApiError>& error) {
  std::vector<IamTag> tags;
  const auto list = input.find(name);
  if (error.has_value() || list == input.end() || list->is_null()) return tags;
  if (!list->is_array() || list->size() > kTagListMax) {
    error = ApiError{"SerializationException", "Tags must be a list of Key and Value."};
    return tags;
  }
  std::set<std::string> keys;
  for (const nlohmann::json& entry : *list) {
    const auto text = [&entry](const char* member) -> std::optional<std::string> {
      if (!entry.is_object() || !entry.contains(member) || !entry[member].is_string()) {
        return std::nullopt;
      }
      return entry[member].get<std::string>();
    };
    const std::optional<std::string> key = text("Key");
    const std::optional<std::string> value = text("Value");
    if (!key.has_value() || !value.has_value()) {
      error = TagError("each of Tags must have a Key and a Value");
    } else if (key->empty() || key->size() > kKeySizeMax || value->size() > kValueSizeMax ||
               !IsTagText(*key) || !IsTagText(*value)) {
      error = TagError(
          "tag keys have 1 to 128 and values 0 to 256 of letters, digits, blanks and "
          "_ . : / = + - @");
    } else if (key->starts_with("aws:")) {
      error = TagError("tag keys that begin with aws: are reserved");
    } else if (!keys.insert(policy::LowerCase(*key)).second) {
      error = TagError("a tag key stands twice in Tags");
    }
    if (error.has_value()) return {};
    tags.push_back({*key, *value});
  }
  return tags;
}

std::optional<ApiError> PutTags(Store& store, const std::string& arn,
                                const std::vector<IamTag>& tags) {
  for (const IamTag& tag : tags) {
    if (absl::Status status = store.Iam().PutTag(arn, tag); !status.ok()) {
      return LogStoreFailure(status);
    }
  }
  const absl::StatusOr<std::vector<IamTag>> all = store.Iam().ListTags(arn);
  if (!all.ok()) return LogStoreFailure(all.status());
  if (all->size() <= kTagsMax) return std::nullopt;
  return ApiError{"TooManyTagsError",
                  "A resource may have " + std::to_string(kTagsMax) + " tags; remove some first."};
}

std::optional<ApiError> RemoveAllTags(Store& store, const std::string& arn) {
  const absl::StatusOr<std::vector<IamTag>> all = store.Iam().ListTags(arn);
  if (!all.ok()) return LogStoreFailure(all.status());
  for (const IamTag& tag : *all) {
    if (absl::Status status = store.Iam().RemoveTag(arn, tag.key); !status.ok()) {
      return LogStoreFailure(status);
    }
  }
  return std::nullopt;
}

void AddTagKeys(ApiCall& call, AccessQuestion& question) {
  std::optional<ApiError> error;
  std::vector<std::string> keys;
  for (IamTag& tag : ReadTagList(call.input, "Tags", error)) {
    question.keys.emplace_back("aws:RequestTag/" + tag.key, std::vector<std::string>{tag.value});
    keys.push_back(std::move(tag.key));
  }
  if (!keys.empty()) question.keys.emplace_back("aws:TagKeys", std::move(keys));
}

}  // namespace relay
