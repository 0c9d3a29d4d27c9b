// The operations that look at documents.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "relay/api/api_input.h"
#include "relay/api/document_lookup.h"
#include "relay/api/documents_api.h"
#include "relay/api/page_token.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr int64_t kPageDefault = 50;
constexpr size_t kFiltersMax = 6;

WantedVersion ReadVersion(ApiInput& input) {
  return {input.Text("DocumentVersion", Presence::kOptional, 0, 16),
          input.Text("VersionName", Presence::kOptional, 0, 128)};
}

bool AnyOf(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Matches answers one filter: its values are alternatives. Nothing: there is no such key.
std::optional<bool> Matches(const FoundDocument& found, const ApiInput::Filter& filter) {
  const std::string& name = found.document.name;
  const auto any = [&filter](auto matches) {
    return std::any_of(filter.values.begin(), filter.values.end(), matches);
  };
  if (filter.key == "Name") {
    return any([&](const std::string& value) { return name.starts_with(value); });
  }
  if (filter.key == "Owner") {
    const bool is_builtin = found.owner == "Amazon";
    return any([&](const std::string& value) {
      if (value == "Amazon" || value == "Public") return is_builtin;
      if (value == "Self" || value == "Private") return !is_builtin;
      return value == "All";
    });
  }
  if (filter.key == "PlatformTypes") {
    return any([&](const std::string& value) { return AnyOf(found.content.platforms, value); });
  }
  if (filter.key == "DocumentType") return AnyOf(filter.values, "Session");
  if (filter.key == "TargetType") return AnyOf(filter.values, found.document.target_type);
  if (filter.key == "SearchKeyword") {
    return any([&](const std::string& value) {
      return name.find(value) != std::string::npos ||
             found.content.description.find(value) != std::string::npos;
    });
  }
  if (filter.key.starts_with("tag:")) {
    const std::string key = filter.key.substr(4);
    return std::any_of(found.tags.begin(), found.tags.end(), [&](const IamTag& tag) {
      return tag.key == key && AnyOf(filter.values, tag.value);
    });
  }
  return std::nullopt;
}

}  // namespace

ApiOutcome GetDocument(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string name = input.Text("Name", Presence::kRequired, 1, 512);
  const WantedVersion wanted = ReadVersion(input);
  const std::string format =
      input.Choice("DocumentFormat", Presence::kOptional, {"YAML", "JSON", "TEXT"});
  if (input.error().has_value()) return input.error();
  const auto looked_up = LookUpDocument(context, name, wanted);
  if (const auto* error = std::get_if<ApiError>(&looked_up)) return *error;
  const auto& found = std::get<FoundDocument>(looked_up);
  const DocumentVersion& version = found.version;
  std::string content = version.content;
  const DocumentFormat asked = FormatOf(format);
  if (FormatOf(version.format) != asked) {
    const auto json = ReadDocumentText(FormatOf(version.format), content);
    if (!json.ok()) {
      return ApiError{"InvalidDocument", "The document cannot be read any more: " +
                                             std::string(json.status().message())};
    }
    content = WriteDocumentText(asked, *json);
  }
  call.output = {{"Name", found.document.name},
                 {"CreatedDate", ToTimestamp(version.created_unix_ms)},
                 {"DocumentVersion", std::to_string(version.number)},
                 {"Status", "Active"},
                 {"Content", content},
                 {"DocumentType", "Session"},
                 {"DocumentFormat", FormatText(asked)}};
  if (!version.version_name.empty()) call.output["VersionName"] = version.version_name;
  if (!version.display_name.empty()) call.output["DisplayName"] = version.display_name;
  return std::nullopt;
}

ApiOutcome DescribeDocument(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string name = input.Text("Name", Presence::kRequired, 1, 512);
  const WantedVersion wanted = ReadVersion(input);
  if (input.error().has_value()) return input.error();
  const auto found = LookUpDocument(context, name, wanted);
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  call.output["Document"] = ToDescription(std::get<FoundDocument>(found));
  return std::nullopt;
}

ApiOutcome DescribeDocumentPermission(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string name = input.Text("Name", Presence::kRequired, 1, 512);
  input.Choice("PermissionType", Presence::kRequired, {"Share"});
  input.Integer("MaxResults", 1, 200);
  if (input.error().has_value()) return input.error();
  const auto found = LookUpDocument(context, name, {});
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  call.output = {{"AccountIds", Json::array()}, {"AccountSharingInfoList", Json::array()}};
  return std::nullopt;
}

ApiOutcome ListDocuments(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  std::vector<ApiInput::Filter> filters = input.Filters("Filters", "Key", "Values", kFiltersMax);
  const auto old_filters = input.Filters("DocumentFilterList", "key", "value", 1);
  const int64_t page = input.Integer("MaxResults", 1, 50).value_or(kPageDefault);
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  if (input.error().has_value()) return input.error();
  filters.insert(filters.end(), old_filters.begin(), old_filters.end());
  for (const ApiInput::Filter& filter : filters) {
    if (Matches(FoundDocument(), filter).has_value()) continue;
    return ApiError{"InvalidFilterKey", "The specified key is not valid."};
  }
  std::string after;
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken("documents", token);
    if (!position.has_value()) return InvalidNextToken();
    after = position->name;
  }
  const absl::StatusOr<std::vector<FoundDocument>> all = AllDocuments(context);
  if (!all.ok()) return LogStoreFailure(all.status());
  Json& list = call.output["DocumentIdentifiers"] = Json::array();
  std::string last;
  for (const FoundDocument& found : *all) {
    if (found.document.name <= after) continue;
    const bool matches = std::all_of(filters.begin(), filters.end(), [&](const auto& filter) {
      return Matches(found, filter).value_or(false);
    });
    if (!matches) continue;
    if (list.size() == static_cast<size_t>(page)) {
      call.output["NextToken"] = WritePageToken("documents", {0, last});
      break;
    }
    list.push_back(ToIdentifier(found));
    last = found.document.name;
  }
  return std::nullopt;
}

ApiOutcome ListDocumentVersions(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string name = input.Text("Name", Presence::kRequired, 1, 512);
  const int64_t page = input.Integer("MaxResults", 1, 50).value_or(kPageDefault);
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  if (input.error().has_value()) return input.error();
  int64_t below = 0;
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken("document-versions", token);
    if (!position.has_value() || position->number < 1) return InvalidNextToken();
    below = position->number;
  }
  auto looked_up = LookUpDocument(context, name, {});
  if (const auto* error = std::get_if<ApiError>(&looked_up)) return *error;
  auto& found = std::get<FoundDocument>(looked_up);
  Json& list = call.output["DocumentVersions"] = Json::array();
  if (found.owner == "Amazon") {
    list.push_back(ToVersionInfo(found));
    return std::nullopt;
  }
  absl::StatusOr<std::vector<DocumentVersion>> versions =
      context.store.Documents().ListDocumentVersions(found.document.name, below,
                                                     static_cast<size_t>(page) + 1);
  if (!versions.ok()) return LogStoreFailure(versions.status());
  for (DocumentVersion& version : *versions) {
    if (list.size() == static_cast<size_t>(page)) {
      call.output["NextToken"] = WritePageToken("document-versions", {found.version.number, {}});
      break;
    }
    found.version = std::move(version);
    list.push_back(ToVersionInfo(found));
  }
  return std::nullopt;
}

}  // namespace relay
