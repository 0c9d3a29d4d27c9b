// A document's text, JSON or YAML, to one form and back.

#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace relay {

// DocumentJson keeps members in the order in which they were written.
using DocumentJson = nlohmann::ordered_json;

enum class DocumentFormat : uint8_t { kJson, kYaml };

// FormatOf takes AWS's word for a format: "YAML" is one, all else is JSON, the usual one.
inline DocumentFormat FormatOf(std::string_view name) {
  return name == "YAML" ? DocumentFormat::kYaml : DocumentFormat::kJson;
}
inline std::string_view FormatText(DocumentFormat format) {
  return format == DocumentFormat::kYaml ? "YAML" : "JSON";
}

inline constexpr size_t kDocumentSizeMax = 64 * 1024;
inline constexpr size_t kDocumentDepthMax = 16;  // Maps and lists within one another.
// A member's name, in bytes. YAML's writer escapes one by four at most, and its readers take no key
// that is longer than 1,024.
inline constexpr size_t kDocumentNameSizeMax = 200;

// ReadDocumentText reads one map. OutOfRange: the text is larger than kDocumentSizeMax.
// InvalidArgument: it is no such text, is nested too deeply, has a member twice in one map, or one
// with a name beyond kDocumentNameSizeMax, or, in YAML, anchors, aliases, tags or more than one
// document; the text says what and where.
absl::StatusOr<DocumentJson> ReadDocumentText(DocumentFormat format, std::string_view text);

// WriteDocumentText writes what ReadDocumentText returned, so that it reads as the same again.
std::string WriteDocumentText(DocumentFormat format, const DocumentJson& document);

}  // namespace relay
