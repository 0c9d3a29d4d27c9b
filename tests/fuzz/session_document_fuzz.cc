// Goal: no text makes the readers of documents crash; what is read is written and read the same.
// Method: the text as JSON and as YAML; a session document is resolved with values from the text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "relay/documents/resolve_document.h"
#include "relay/documents/session_document.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto format : {relay::DocumentFormat::kJson, relay::DocumentFormat::kYaml}) {
    const auto json = relay::ReadDocumentText(format, text);
    CHECK(json.ok() || !json.status().message().empty());
    if (!json.ok()) continue;
    for (const auto other : {relay::DocumentFormat::kJson, relay::DocumentFormat::kYaml}) {
      const std::string written = relay::WriteDocumentText(other, *json);
      const auto again = relay::ReadDocumentText(other, written);
      // Escapes may make a text that was nearly too long too long; JSON alone has fractions.
      if (again.ok() && format == relay::DocumentFormat::kYaml) CHECK(*again == *json);
      CHECK(again.ok() || written.size() > relay::kDocumentSizeMax);
    }
    const auto document = relay::ReadSessionDocument(*json);
    if (!document.ok()) continue;
    relay::ParameterValues values;
    for (const auto& parameter : document->parameters) {
      values[parameter.name] = {std::string(text.substr(size / 2))};
    }
    for (const relay::ParameterValues& given : {relay::ParameterValues(), values}) {
      relay::ResolveDocument(
          {.document = *document, .preferences = {}, .parameters = given, .run_as_tag = {}})
          .IgnoreError();
    }
  }
  return 0;
}
