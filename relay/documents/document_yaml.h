// The one door to yaml-cpp.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "relay/documents/document_text.h"

namespace relay {

// ReadYaml reads one YAML document of maps, lists, texts, whole numbers, true, false and null.
// Fractions stay texts, so that `schemaVersion: 1.0` is what it looks like. InvalidArgument as in
// ReadDocumentText.
absl::StatusOr<DocumentJson> ReadYaml(std::string_view text);

std::string WriteYaml(const DocumentJson& document);

}  // namespace relay
