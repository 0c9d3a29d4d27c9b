// One parameter of a session document, and the values that it takes.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace relay {

// ValuePattern is a regular expression that a whole value must match. It is matched in time that is
// linear in the value, whatever the pattern, by an automaton; so it has no back references and no
// look-around, and Compile refuses them.
class ValuePattern {
 public:
  static absl::StatusOr<ValuePattern> Compile(const std::string& pattern);
  bool Matches(const std::string& value) const;
  const std::string& text() const { return text_; }

  static constexpr size_t kSizeMax = 1024;

 private:
  struct Automaton;
  std::string text_;
  std::shared_ptr<const Automaton> automaton_;
};

struct DocumentParameter {
  std::string name;
  bool is_list = false;  // StringList; else String, which has one value.
  std::string description;
  std::string display_type;
  std::optional<std::vector<std::string>> default_value;
  std::optional<ValuePattern> allowed_pattern;
  std::vector<std::string> allowed_values;  // Empty: any.
  std::optional<uint32_t> chars_min, chars_max;
  std::optional<uint32_t> items_min, items_max;
};

inline constexpr size_t kParameterValuesMax = 256;          // Of a list.
inline constexpr size_t kParameterValueSizeMax = 8 * 1024;  // It travels in a control message.

// CheckValues is OK when the parameter takes these values. InvalidArgument says why not.
absl::Status CheckValues(const DocumentParameter& parameter,
                         const std::vector<std::string>& values);

}  // namespace relay
