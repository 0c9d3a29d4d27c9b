#include "relay/api/document_lookup.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "relay/access/resource_arn.h"
#include "relay/broker/broker.h"
#include "relay/documents/builtin_documents.h"
#include "relay/store/iam_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;

ApiError NoSuchVersion() {
  return {"InvalidDocumentVersion", "The document version is not valid or does not exist."};
}

FoundDocument FromBuiltin(const BuiltinDocument& builtin) {
  FoundDocument found;
  found.document.name = builtin.name;
  found.document.created_unix_ms = kBuiltinCreatedUnixMs;
  found.version.name = builtin.name;
  found.version.format = "JSON";
  found.version.content = builtin.content;
  found.version.created_unix_ms = kBuiltinCreatedUnixMs;
  found.content = builtin.document;
  found.owner = "Amazon";
  return found;
}

const BuiltinDocument* FindShown(std::string_view name) {
  return name == kShellDocument ? nullptr : FindBuiltinDocument(name);
}

absl::StatusOr<DocumentVersion> FindVersion(DocumentStore& documents,
                                            const StoredDocument& document,
                                            const WantedVersion& wanted) {
  if (!wanted.name.empty()) return documents.FindNamedVersion(document.name, wanted.name);
  int64_t number = document.default_version;
  if (wanted.number == "$LATEST") {
    number = document.latest_version;
  } else if (!wanted.number.empty() && wanted.number != "$DEFAULT") {
    const char* end = wanted.number.data() + wanted.number.size();
    const auto [rest, error] = std::from_chars(wanted.number.data(), end, number);
    if (error != std::errc() || rest != end || number < 1) {
      return absl::NotFoundError("no version");
    }
  }
  return documents.FindDocumentVersion(document.name, number);
}

Json ParametersOf(const SessionDocument& document) {
  Json list = Json::array();
  for (const DocumentParameter& parameter : document.parameters) {
    Json json = {{"Name", parameter.name}, {"Type", parameter.is_list ? "StringList" : "String"}};
    if (!parameter.description.empty()) json["Description"] = parameter.description;
    if (parameter.default_value.has_value()) {
      json["DefaultValue"] = parameter.is_list ? Json(*parameter.default_value).dump()
                                               : parameter.default_value->front();
    }
    list.push_back(std::move(json));
  }
  return list;
}

// FillVersion reads one version's content into `found`.
void FillVersion(ParsedDocuments& parsed, FoundDocument& found, DocumentVersion version) {
  const auto content = parsed.Parse(FormatOf(version.format), version.content);
  found.content = content.ok() ? **content : SessionDocument();
  found.version = std::move(version);
}

void AddIfAny(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

}  // namespace

bool IsDocumentName(std::string_view name) {
  return name.size() >= 3 && name.size() <= 128 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

ApiError NoSuchDocument(std::string_view name) {
  return {"InvalidDocument", "Document with name " + std::string(name) + " does not exist."};
}

std::variant<FoundDocument, ApiError> LookUpDocument(ApiContext& context, std::string_view name,
                                                     const WantedVersion& wanted) {
  Store& store = context.store;
  name = DocumentNameOf(name);
  absl::StatusOr<StoredDocument> document = store.Documents().FindDocument(name);
  if (absl::IsNotFound(document.status())) {
    const BuiltinDocument* builtin = FindShown(name);
    if (builtin == nullptr) return NoSuchDocument(name.substr(0, 128));
    const std::string& number = wanted.number;
    const bool is_it =
        number.empty() || number == "1" || number == "$LATEST" || number == "$DEFAULT";
    if (!is_it || !wanted.name.empty()) return NoSuchVersion();
    return FromBuiltin(*builtin);
  }
  if (!document.ok()) return LogStoreFailure(document.status());
  absl::StatusOr<DocumentVersion> version = FindVersion(store.Documents(), *document, wanted);
  if (absl::IsNotFound(version.status())) return NoSuchVersion();
  if (!version.ok()) return LogStoreFailure(version.status());
  absl::StatusOr<std::vector<IamTag>> tags = store.Iam().ListTags(DocumentArn(document->name));
  if (!tags.ok()) return LogStoreFailure(tags.status());
  FoundDocument found;
  found.document = *std::move(document);
  found.owner = kAccountId;
  found.tags = *std::move(tags);
  FillVersion(context.broker.documents(), found, *std::move(version));
  return found;
}

Json ToJson(const std::vector<IamTag>& tags) {
  Json list = Json::array();
  for (const IamTag& tag : tags) list.push_back({{"Key", tag.key}, {"Value", tag.value}});
  return list;
}

Json ToIdentifier(const FoundDocument& found) {
  Json json = {{"Name", found.document.name},
               {"CreatedDate", ToTimestamp(found.version.created_unix_ms)},
               {"Owner", found.owner},
               {"PlatformTypes", found.content.platforms},
               {"DocumentVersion", std::to_string(found.version.number)},
               {"DocumentType", "Session"},
               {"SchemaVersion", "1.0"},
               {"DocumentFormat", found.version.format},
               {"Tags", ToJson(found.tags)}};
  AddIfAny(json, "DisplayName", found.version.display_name);
  AddIfAny(json, "VersionName", found.version.version_name);
  AddIfAny(json, "TargetType", found.document.target_type);
  return json;
}

Json ToDescription(const FoundDocument& found) {
  Json json = ToIdentifier(found);
  json["Hash"] = engine::ToHex(engine::crypto::Sha256(engine::AsBytes(found.version.content)));
  json["HashType"] = "Sha256";
  json["Status"] = "Active";
  json["Parameters"] = ParametersOf(found.content);
  json["LatestVersion"] = std::to_string(found.document.latest_version);
  json["DefaultVersion"] = std::to_string(found.document.default_version);
  AddIfAny(json, "Description", found.content.description);
  return json;
}

Json ToVersionInfo(const FoundDocument& found) {
  Json json = {{"Name", found.document.name},
               {"DocumentVersion", std::to_string(found.version.number)},
               {"CreatedDate", ToTimestamp(found.version.created_unix_ms)},
               {"IsDefaultVersion", found.version.number == found.document.default_version},
               {"DocumentFormat", found.version.format},
               {"Status", "Active"}};
  AddIfAny(json, "DisplayName", found.version.display_name);
  AddIfAny(json, "VersionName", found.version.version_name);
  return json;
}

absl::StatusOr<std::vector<FoundDocument>> AllDocuments(ApiContext& context) {
  Store& store = context.store;
  std::vector<FoundDocument> all;
  const absl::StatusOr<std::vector<StoredDocument>> stored =
      store.Documents().ListDocuments("", static_cast<size_t>(kDocumentsMax));
  if (!stored.ok()) return stored.status();
  for (const StoredDocument& document : *stored) {
    absl::StatusOr<DocumentVersion> version =
        store.Documents().FindDocumentVersion(document.name, document.default_version);
    if (!version.ok()) return version.status();
    absl::StatusOr<std::vector<IamTag>> tags = store.Iam().ListTags(DocumentArn(document.name));
    if (!tags.ok()) return tags.status();
    FoundDocument& found = all.emplace_back();
    found.document = document;
    found.owner = kAccountId;
    found.tags = *std::move(tags);
    FillVersion(context.broker.documents(), found, *std::move(version));
  }
  for (const BuiltinDocument& builtin : BuiltinDocuments()) {
    if (FindShown(builtin.name) != nullptr) all.push_back(FromBuiltin(builtin));
  }
  std::sort(all.begin(), all.end(), [](const FoundDocument& a, const FoundDocument& b) {
    return a.document.name < b.document.name;
  });
  return all;
}

}  // namespace relay
