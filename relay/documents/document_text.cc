#include "relay/documents/document_text.h"

#include <string>

#include "relay/documents/document_yaml.h"
#include "relay/json/strict_json.h"

namespace relay {
namespace {

std::string Describe(const JsonFault& fault) {
  switch (fault.kind) {
    case JsonFault::Kind::kRepeatedMember:
      return "\"" + fault.member + "\" stands twice in one map; keep one of them.";
    case JsonFault::Kind::kTooDeep:
      return "It is nested more than " + std::to_string(kDocumentDepthMax) + " deep.";
    case JsonFault::Kind::kSyntax:
      break;
  }
  return "It is not valid JSON: look for a missing comma, quote or brace at line " +
         std::to_string(fault.line) + ", column " + std::to_string(fault.column) + ".";
}

absl::StatusOr<DocumentJson> ReadJson(std::string_view text) {
  if (const auto fault = FindJsonFault(text, kDocumentDepthMax)) {
    return absl::InvalidArgumentError(Describe(*fault));
  }
  return DocumentJson::parse(text, nullptr, /*allow_exceptions=*/false);
}

bool HasLongName(const DocumentJson& json) {
  if (!json.is_structured()) return false;
  for (const auto& [name, member] : json.items()) {
    if ((json.is_object() && name.size() > kDocumentNameSizeMax) || HasLongName(member))
      return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<DocumentJson> ReadDocumentText(DocumentFormat format, std::string_view text) {
  if (text.size() > kDocumentSizeMax) {
    return absl::OutOfRangeError("The document has " + std::to_string(text.size()) +
                                 " bytes, and may have " + std::to_string(kDocumentSizeMax) + ".");
  }
  absl::StatusOr<DocumentJson> document =
      format == DocumentFormat::kJson ? ReadJson(text) : ReadYaml(text);
  if (document.ok() && !document->is_object()) {
    return absl::InvalidArgumentError(
        "It is not a map; a session document has members such as schemaVersion and sessionType.");
  }
  if (document.ok() && HasLongName(*document)) {
    return absl::InvalidArgumentError("The name of a member is longer than " +
                                      std::to_string(kDocumentNameSizeMax) + " bytes.");
  }
  return document;
}

std::string WriteDocumentText(DocumentFormat format, const DocumentJson& document) {
  if (format == DocumentFormat::kYaml) return WriteYaml(document);
  return document.dump(2, ' ', false, DocumentJson::error_handler_t::replace);
}

}  // namespace relay
