// Internal to relay/documents: taking members out of a document's maps, strictly.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "relay/documents/document_text.h"

namespace relay {

// DocumentMembers reads one map. The first thing that is wrong is kept in status(); after that
// every call returns something empty.
class DocumentMembers {
 public:
  // `where` is for error texts: "inputs", "parameters.host". Members that are not in `names` are
  // wrong.
  DocumentMembers(const DocumentJson& json, std::string where,
                  std::initializer_list<std::string_view> names);

  // Text takes texts, and whole numbers as they are written.
  std::string Text(const char* name, size_t size_max = 1024);
  std::string Required(const char* name);
  // Flag takes true and false, also as texts; "" is false. StrictFlag takes true and false alone.
  bool Flag(const char* name);
  bool StrictFlag(const char* name);
  // Number takes whole numbers, also as texts; "" is absent.
  std::optional<uint32_t> Number(const char* name, uint32_t min, uint32_t max);
  std::vector<std::string> Texts(const char* name, size_t count_max);
  // Map returns the map, or nullptr when it is absent.
  const DocumentJson* Map(const char* name);
  const DocumentJson* Find(const char* name) const;

  const absl::Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }
  void Fail(std::string_view name, std::string_view what);

 private:
  std::optional<std::string> ToText(const DocumentJson& value) const;

  const DocumentJson& json_;
  const std::string where_;
  absl::Status status_;
};

}  // namespace relay
