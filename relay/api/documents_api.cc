#include "relay/api/documents_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "relay/access/resource_arn.h"
#include "relay/api/access_questions.h"
#include "relay/api/api_input.h"
#include "relay/api/document_lookup.h"
#include "relay/api/resource_tags.h"
#include "relay/documents/builtin_documents.h"
#include "relay/store/iam_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr size_t kContentSizeMax = 1024 * 1024;  // More than a document may have: that has a code.
constexpr int64_t kVersionsMax = 1000;

// Content is what CreateDocument and UpdateDocument have in common.
struct Content {
  std::string name;
  DocumentVersion version;
  std::string target_type;
};

bool IsVersionName(std::string_view name) {
  return name.empty() || (name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                          }));
}

bool IsTargetType(std::string_view type) {
  return type.empty() || (type.front() == '/' && type.size() <= 200 &&
                          std::all_of(type.begin(), type.end(), [](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
                                   c == ':' || c == '/';
                          }));
}

ApiError Constraint(const char* member, const char* what) {
  return {"ValidationException", std::string("1 validation error detected: Value at '") + member +
                                     "' failed to satisfy constraint: " + what};
}

bool IsGiven(const Json& input, const char* name) {
  const auto member = input.find(name);
  return member != input.end() && !member->is_null() && !member->empty();
}

ApiError ToApiError(const absl::Status& status) {
  const std::string text(status.message());
  if (absl::IsOutOfRange(status)) return {"MaxDocumentSizeExceeded", text};
  if (absl::IsUnimplemented(status)) return {"InvalidDocumentSchemaVersion", text};
  return {"InvalidDocumentContent", text};
}

std::optional<ApiError> CheckContent(const std::string& name, DocumentFormat format,
                                     const std::string& text) {
  const absl::StatusOr<SessionDocument> document = ParseSessionDocument(format, text);
  if (!document.ok()) return ToApiError(document.status());
  if (name == kShellDocument && document->type != SessionType::kStandardStream) {
    return ApiError{"InvalidDocumentContent",
                    std::string(kShellDocument) +
                        " holds the preferences, so its sessionType must be Standard_Stream."};
  }
  return std::nullopt;
}

std::optional<ApiError> ReadContent(const ApiCall& call, Content& content) {
  ApiInput input(call.input);
  content.name = input.Text("Name", Presence::kRequired, 1, 512);
  content.version.content = input.Text("Content", Presence::kRequired, 1, kContentSizeMax);
  const std::string format =
      input.Choice("DocumentFormat", Presence::kOptional, {"YAML", "JSON", "TEXT"});
  content.version.version_name = input.Text("VersionName", Presence::kOptional, 0, 128);
  content.version.display_name = input.Line("DisplayName", Presence::kOptional, 0, 1024);
  content.target_type = input.Text("TargetType", Presence::kOptional, 0, 200);
  if (input.error().has_value()) return input.error();
  if (!IsDocumentName(content.name)) {
    return Constraint("name",
                      "Member must satisfy regular expression pattern: "
                      "^[a-zA-Z0-9_\\-.]{3,128}$");
  }
  if (!IsVersionName(content.version.version_name)) {
    return Constraint("versionName",
                      "Member must satisfy regular expression pattern: "
                      "^[a-zA-Z0-9_\\-.]{1,128}$");
  }
  if (!IsTargetType(content.target_type)) {
    return Constraint("targetType",
                      "Member must satisfy regular expression pattern: "
                      "^\\/[\\w\\.\\-\\:\\/]*$");
  }
  for (const char* unknown : {"Attachments", "Requires"}) {
    if (!IsGiven(call.input, unknown)) continue;
    return ApiError{"ValidationException", std::string(unknown) + " is not for session documents."};
  }
  if (format == "TEXT") {
    return ApiError{"InvalidDocumentContent", "Session documents are JSON or YAML."};
  }
  content.version.name = content.name;
  content.version.format = FormatText(FormatOf(format));
  content.version.created_unix_ms = call.now_unix_ms;
  return CheckContent(content.name, FormatOf(format), content.version.content);
}

// Describe answers with one version, and notes its number for the audit.
ApiOutcome Answer(ApiContext& context, ApiCall& call, const char* member, const std::string& name,
                  int64_t number) {
  const auto found = LookUpDocument(context, name, {std::to_string(number), {}});
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  call.output[member] = ToDescription(std::get<FoundDocument>(found));
  call.audit.response_elements =
      Json({{"name", name}, {"documentVersion", std::to_string(number)}}).dump();
  return std::nullopt;
}

// FindOwn returns a document that may be changed.
std::optional<ApiError> FindOwn(Store& store, const std::string& name, StoredDocument& document) {
  absl::StatusOr<StoredDocument> found = store.Documents().FindDocument(name);
  if (found.ok()) {
    document = *std::move(found);
    return std::nullopt;
  }
  if (!absl::IsNotFound(found.status())) return LogStoreFailure(found.status());
  if (name != kShellDocument && FindBuiltinDocument(name) != nullptr) {
    return ApiError{"InvalidDocumentOperation",
                    "Document " + name + " is owned by Amazon and cannot be changed."};
  }
  return NoSuchDocument(name.substr(0, 128));
}

}  // namespace

void AskOfDocument(ApiContext&, ApiCall& call, AccessQuestion& question) {
  const auto name = call.input.find("Name");
  const bool is_text = name != call.input.end() && name->is_string();
  const std::string text = is_text ? name->get<std::string>().substr(0, 512) : std::string();
  AccessResource resource;
  resource.arn = DocumentArn(text.empty() ? "*" : DocumentNameOf(text));
  resource.tag_owner = resource.arn;
  question.resources = {std::move(resource)};
  question.keys.push_back(DocumentTypeKey());
  if (call.operation == "CreateDocument") AddTagKeys(call, question);
}

ApiOutcome CreateDocument(ApiContext& context, ApiCall& call) {
  Content content;
  ApiInput input(call.input);
  input.Choice("DocumentType", Presence::kOptional, {"Session"});
  std::optional<ApiError> error = input.error();
  if (!error.has_value()) error = ReadContent(call, content);
  const std::vector<IamTag> tags = ReadTagList(call.input, "Tags", error);
  if (error.has_value()) return error;
  if (IsReservedName(content.name)) {
    return ApiError{"ValidationException",
                    "The name of a document must not begin with AWS-, amazon or amzn."};
  }
  DocumentStore& documents = context.store.Documents();
  const absl::StatusOr<int64_t> count = documents.CountDocuments();
  if (!count.ok()) return LogStoreFailure(count.status());
  if (*count >= kDocumentsMax) {
    return ApiError{"DocumentLimitExceeded",
                    "There are " + std::to_string(*count) + " documents, and may be no more."};
  }
  const absl::Status added = documents.AddDocument({.name = content.name,
                                                    .target_type = content.target_type,
                                                    .created_unix_ms = call.now_unix_ms},
                                                   content.version);
  if (absl::IsAlreadyExists(added)) {
    return ApiError{"DocumentAlreadyExists",
                    "Document with name " + content.name + " already exists."};
  }
  if (!added.ok()) return LogStoreFailure(added);
  error = PutTags(context.store, DocumentArn(content.name), tags);
  if (error.has_value()) return error;
  return Answer(context, call, "DocumentDescription", content.name, 1);
}

ApiOutcome UpdateDocument(ApiContext& context, ApiCall& call) {
  Content content;
  ApiInput input(call.input);
  const std::string wanted = input.Text("DocumentVersion", Presence::kOptional, 0, 16);
  std::optional<ApiError> error = input.error();
  if (!error.has_value()) error = ReadContent(call, content);
  StoredDocument document;
  if (!error.has_value()) error = FindOwn(context.store, content.name, document);
  if (error.has_value()) return error;
  if (!wanted.empty() && wanted != "$LATEST" && wanted != std::to_string(document.latest_version)) {
    return ApiError{"InvalidDocumentVersion",
                    "Only the latest version can be updated; name $LATEST or " +
                        std::to_string(document.latest_version) + "."};
  }
  DocumentStore& documents = context.store.Documents();
  const auto newest = documents.FindDocumentVersion(document.name, document.latest_version);
  if (newest.ok() && newest->content == content.version.content &&
      newest->format == content.version.format) {
    return ApiError{"DuplicateDocumentContent", "The content is that of version " +
                                                    std::to_string(newest->number) +
                                                    "; change it and try again."};
  }
  if (newest.status().code() != absl::StatusCode::kOk && !absl::IsNotFound(newest.status())) {
    return LogStoreFailure(newest.status());
  }
  if (document.latest_version >= kVersionsMax) {
    return ApiError{"DocumentVersionLimitExceeded", "The document has had " +
                                                        std::to_string(kVersionsMax) +
                                                        " versions; make another document."};
  }
  content.version.number = ++document.latest_version;
  if (!content.target_type.empty()) document.target_type = content.target_type;
  const absl::Status added = documents.AddDocumentVersion(content.version);
  if (absl::IsAlreadyExists(added)) {
    return ApiError{"DuplicateDocumentVersionName",
                    "The document has a version of that name already."};
  }
  if (!added.ok()) return LogStoreFailure(added);
  if (absl::Status status = documents.UpdateDocument(document); !status.ok()) {
    return LogStoreFailure(status);
  }
  return Answer(context, call, "DocumentDescription", content.name, content.version.number);
}

ApiOutcome UpdateDocumentDefaultVersion(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string name = input.Text("Name", Presence::kRequired, 1, 512);
  const std::string wanted = input.Text("DocumentVersion", Presence::kRequired, 1, 8);
  StoredDocument document;
  std::optional<ApiError> error = input.error();
  const bool is_number =
      std::all_of(wanted.begin(), wanted.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!error.has_value() && !is_number) {
    error = Constraint("documentVersion",
                       "Member must satisfy regular expression pattern: (^[1-9][0-9]*$)");
  }
  if (!error.has_value()) error = FindOwn(context.store, name, document);
  if (error.has_value()) return error;
  const auto found = LookUpDocument(context, name, {wanted, {}});
  if (const auto* failure = std::get_if<ApiError>(&found)) return *failure;
  const DocumentVersion& version = std::get<FoundDocument>(found).version;
  document.default_version = version.number;
  if (absl::Status status = context.store.Documents().UpdateDocument(document); !status.ok()) {
    return LogStoreFailure(status);
  }
  Json& description = call.output["Description"];
  description = {{"Name", name}, {"DefaultVersion", std::to_string(version.number)}};
  if (!version.version_name.empty()) description["DefaultVersionName"] = version.version_name;
  return std::nullopt;
}

ApiOutcome DeleteDocument(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string name = input.Text("Name", Presence::kRequired, 1, 512);
  const WantedVersion wanted{input.Text("DocumentVersion", Presence::kOptional, 0, 16),
                             input.Text("VersionName", Presence::kOptional, 0, 128)};
  StoredDocument document;
  std::optional<ApiError> error = input.error();
  if (!error.has_value()) error = FindOwn(context.store, name, document);
  if (error.has_value()) return error;
  DocumentStore& documents = context.store.Documents();
  if (wanted.number.empty() && wanted.name.empty()) {
    if (absl::Status status = documents.DeleteDocument(name); !status.ok()) {
      return LogStoreFailure(status);
    }
    return RemoveAllTags(context.store, DocumentArn(name));
  }
  const auto found = LookUpDocument(context, name, wanted);
  if (const auto* failure = std::get_if<ApiError>(&found)) return *failure;
  const int64_t number = std::get<FoundDocument>(found).version.number;
  if (number == document.default_version) {
    return ApiError{"InvalidDocumentOperation",
                    "Version " + std::to_string(number) +
                        " is the default one; make another one the default first, or delete the "
                        "whole document."};
  }
  if (absl::Status status = documents.DeleteDocumentVersion(name, number); !status.ok()) {
    return LogStoreFailure(status);
  }
  return std::nullopt;
}

}  // namespace relay
