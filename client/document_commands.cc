#include "client/document_commands.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "client/command_output.h"
#include "client/config_file.h"
#include "client/json_member.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/table.h"
#include "engine/http/amz_date.h"

namespace client {
namespace {

using Json = nlohmann::json;

constexpr int kPageSize = 50;
constexpr size_t kDocumentSizeMax = 64 * 1024;  // The relay's own maximum.

std::string TimeText(int64_t seconds) { return seconds == 0 ? "" : engine::IsoDate(seconds); }

// Call makes one call and reads its answer.
absl::StatusOr<Json> Call(ApiClient& api, const char* operation, const Json& request) {
  const absl::StatusOr<std::string> answer = api.CallSsm(operation, JsonBody(request));
  if (!answer.ok()) return answer.status();
  return ReadJson(*answer, operation);
}

// CallPages returns the entries of `list` on all pages.
absl::StatusOr<Json> CallPages(ApiClient& api, const char* operation, Json request,
                               const char* list) {
  Json all = Json::array();
  request["MaxResults"] = kPageSize;
  for (int page = 0; page < ApiClient::kPagesMax; ++page) {
    const absl::StatusOr<Json> answer = Call(api, operation, request);
    if (!answer.ok()) return answer.status();
    for (const Json& entry : JsonList(*answer, list)) all.push_back(entry);
    const std::string next = JsonText(*answer, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return all;
}

int List(ApiClient& api, OutputFormat format) {
  const auto list = CallPages(api, "ListDocuments", Json::object(), "DocumentIdentifiers");
  if (!list.ok()) return Fail(list.status());
  if (list->empty() && format == OutputFormat::kTable) {
    Say("there is no document, or none that you may see");
    return 0;
  }
  std::string lines;
  Table table({"NAME", "OWNER", "VERSION", "FORMAT", "CREATED"});
  for (const Json& entry : *list) {
    const std::string created = TimeText(JsonTime(entry, "CreatedDate"));
    if (format == OutputFormat::kJson) {
      lines += JsonLine({{"name", JsonText(entry, "Name")},
                         {"owner", JsonText(entry, "Owner")},
                         {"version", JsonText(entry, "DocumentVersion")},
                         {"format", JsonText(entry, "DocumentFormat")},
                         {"created", created}});
    } else {
      table.AddRow({JsonText(entry, "Name"), JsonText(entry, "Owner"),
                    JsonText(entry, "DocumentVersion"), JsonText(entry, "DocumentFormat"),
                    created});
    }
  }
  return Print(format == OutputFormat::kJson ? lines : table.ToText());
}

int Versions(ApiClient& api, const DocumentOptions& options) {
  const auto list =
      CallPages(api, "ListDocumentVersions", {{"Name", options.name}}, "DocumentVersions");
  if (!list.ok()) return Fail(list.status());
  std::string lines;
  Table table({"VERSION", "DEFAULT", "FORMAT", "CREATED"});
  for (const Json& entry : *list) {
    const auto found = entry.find("IsDefaultVersion");
    const bool is_default = found != entry.end() && found->is_boolean() && found->get<bool>();
    const std::string created = TimeText(JsonTime(entry, "CreatedDate"));
    if (options.format == OutputFormat::kJson) {
      lines += JsonLine({{"version", JsonText(entry, "DocumentVersion")},
                         {"is_default", is_default},
                         {"format", JsonText(entry, "DocumentFormat")},
                         {"created", created}});
    } else {
      table.AddRow({JsonText(entry, "DocumentVersion"), is_default ? "yes" : "",
                    JsonText(entry, "DocumentFormat"), created});
    }
  }
  return Print(options.format == OutputFormat::kJson ? lines : table.ToText());
}

int Show(ApiClient& api, const DocumentOptions& options) {
  Json request = {{"Name", options.name}};
  if (!options.version.empty()) request["DocumentVersion"] = options.version;
  // It is shown as it was put: a relay turns YAML into JSON unless it is asked for YAML.
  if (const auto described = Call(api, "DescribeDocument", request); described.ok()) {
    const auto document = described->find("Document");
    const bool is_described = document != described->end() && document->is_object();
    const std::string format = is_described ? JsonText(*document, "DocumentFormat") : "";
    if (!format.empty()) request["DocumentFormat"] = format;
  }
  const auto answer = Call(api, "GetDocument", request);
  if (!answer.ok()) return Fail(answer.status());
  std::string content = JsonText(*answer, "Content");
  if (!content.ends_with('\n')) content += '\n';
  return Print(content);
}

int MakeDefault(ApiClient& api, const std::string& name, const std::string& version) {
  const auto answer =
      Call(api, "UpdateDocumentDefaultVersion", {{"Name", name}, {"DocumentVersion", version}});
  if (!answer.ok()) return Fail(answer.status());
  Say(Printable(name) + ": new sessions take version " + Printable(version));
  return 0;
}

// FormatOf tells JSON from YAML by the file's name, else by how the content begins.
std::string_view FormatOf(const std::string& file, const std::string& content) {
  if (file.ends_with(".json")) return "JSON";
  if (file.ends_with(".yaml") || file.ends_with(".yml")) return "YAML";
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string::npos && content[first] == '{' ? "JSON" : "YAML";
}

// IsDocumentName is the relay's own rule, which it tells by a pattern.
bool IsDocumentName(std::string_view name) {
  return name.size() >= 3 && name.size() <= 128 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

int Put(ApiClient& api, const DocumentOptions& options) {
  if (!IsDocumentName(options.name)) {
    return Fail(absl::InvalidArgumentError(
        "'" + Printable(options.name) +
        "' is no name for a document: it has 3 to 128 letters, digits, dots, dashes and "
        "underscores"));
  }
  const auto content =
      ReadSmallFile(options.file == "-" ? "/dev/stdin" : options.file, kDocumentSizeMax);
  if (!content.ok()) return Fail(content.status());
  Json request = {{"Name", options.name},
                  {"Content", *content},
                  {"DocumentFormat", FormatOf(options.file, *content)}};
  Json first = request;
  first["DocumentType"] = "Session";
  const auto made = Call(api, "CreateDocument", first);
  if (made.ok()) {
    Say("document " + Printable(options.name) + " is made");
    return 0;
  }
  // Who may not create may still be allowed to update.
  const bool exists = ApiCodeOf(made.status()) == "DocumentAlreadyExists";
  if (!exists && !absl::IsPermissionDenied(made.status())) return Fail(made.status());
  request["DocumentVersion"] = "$LATEST";
  const auto updated = Call(api, "UpdateDocument", request);
  if (!updated.ok()) return Fail(exists ? updated.status() : made.status());
  const auto description = updated->find("DocumentDescription");
  const bool is_described = description != updated->end() && description->is_object();
  const std::string version = is_described ? JsonText(*description, "DocumentVersion") : "";
  if (version.empty()) return Fail(NotOurs("UpdateDocument"));
  if (!options.keeps_default) return MakeDefault(api, options.name, version);
  Say("document " + Printable(options.name) + " has version " + Printable(version) +
      "; new sessions take another one until: adit doc default " + Printable(options.name) + " " +
      Printable(version));
  return 0;
}

int Delete(ApiClient& api, const DocumentOptions& options) {
  Json request = {{"Name", options.name}};
  if (!options.version.empty()) request["DocumentVersion"] = options.version;
  const auto answer = Call(api, "DeleteDocument", request);
  if (!answer.ok()) return Fail(answer.status());
  const std::string what = options.version.empty() ? "" : "version " + options.version + " of ";
  Say(Printable(what + "document " + options.name) + " is deleted");
  return 0;
}

}  // namespace

int RunDocument(const CommonFlags& flags, const Environment& environment,
                const DocumentOptions& options) {
  using Verb = DocumentOptions::Verb;
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  ApiClient& api = (*relay)->api();
  switch (options.verb) {
    case Verb::kList:
      return List(api, options.format);
    case Verb::kShow:
      return Show(api, options);
    case Verb::kPut:
      return Put(api, options);
    case Verb::kDelete:
      return Delete(api, options);
    case Verb::kVersions:
      return Versions(api, options);
    case Verb::kDefault:
      return MakeDefault(api, options.name, options.version);
  }
  return 0;
}

}  // namespace client
