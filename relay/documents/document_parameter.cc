#include "relay/documents/document_parameter.h"

#include <re2/re2.h>

#include <algorithm>

#include "engine/base/utf8.h"

namespace relay {
namespace {

constexpr size_t kShownSizeMax = 256;
// What one compiled pattern may hold, and so what a document can make the relay hold. At 128 KiB
// the costliest patterns take 6 ms to compile or to be refused; a path of three names of up to 255
// characters still fits, as it would not at 64 KiB.
constexpr int64_t kAutomatonBytesMax = 1 << 17;

absl::Status Refuse(const DocumentParameter& parameter, const std::string& value,
                    const std::string& why) {
  return absl::InvalidArgumentError("Parameter \"" + parameter.name + "\" with value \"" +
                                    value.substr(0, kShownSizeMax) + "\" " + why);
}

// Characters, not bytes: what is not UTF-8 was refused before.
size_t CountCharacters(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

absl::Status CheckValue(const DocumentParameter& parameter, const std::string& value) {
  if (value.find('\0') != std::string::npos || !engine::IsUtf8(engine::AsBytes(value))) {
    return Refuse(parameter, "...", "is not a text of UTF-8 without NUL.");
  }
  if (value.size() > kParameterValueSizeMax) {
    return Refuse(parameter, value,
                  "has more than " + std::to_string(kParameterValueSizeMax) + " bytes.");
  }
  const size_t count = CountCharacters(value);
  if (count < parameter.chars_min.value_or(0)) {
    return Refuse(parameter, value,
                  "has fewer than " + std::to_string(*parameter.chars_min) + " characters.");
  }
  if (parameter.chars_max.has_value() && count > *parameter.chars_max) {
    return Refuse(parameter, value,
                  "has more than " + std::to_string(*parameter.chars_max) + " characters.");
  }
  const auto& allowed = parameter.allowed_values;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    return Refuse(parameter, value, "is not one of the allowed values.");
  }
  if (parameter.allowed_pattern.has_value() && !parameter.allowed_pattern->Matches(value)) {
    return Refuse(
        parameter, value,
        "does not match the allowed pattern " + parameter.allowed_pattern->text() + " as a whole.");
  }
  return absl::OkStatus();
}

}  // namespace

struct ValuePattern::Automaton {
  Automaton(const std::string& pattern, const re2::RE2::Options& options)
      : expression(pattern, options) {}
  re2::RE2 expression;
};

absl::StatusOr<ValuePattern> ValuePattern::Compile(const std::string& pattern) {
  if (pattern.size() > kSizeMax) {
    return absl::InvalidArgumentError("it has more than " + std::to_string(kSizeMax) + " bytes");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kAutomatonBytesMax);
  auto automaton = std::make_shared<Automaton>(pattern, options);
  if (!automaton->expression.ok()) return absl::InvalidArgumentError(automaton->expression.error());
  ValuePattern compiled;
  compiled.text_ = pattern;
  compiled.automaton_ = std::move(automaton);
  return compiled;
}

bool ValuePattern::Matches(const std::string& value) const {
  return re2::RE2::FullMatch(value, automaton_->expression);
}

absl::Status CheckValues(const DocumentParameter& parameter,
                         const std::vector<std::string>& values) {
  if (!parameter.is_list && values.size() != 1) {
    return absl::InvalidArgumentError("Parameter \"" + parameter.name + "\" must have one value.");
  }
  if (values.size() > kParameterValuesMax) {
    return absl::InvalidArgumentError("Parameter \"" + parameter.name + "\" has more than " +
                                      std::to_string(kParameterValuesMax) + " values.");
  }
  if (values.size() < parameter.items_min.value_or(0) ||
      (parameter.items_max.has_value() && values.size() > *parameter.items_max)) {
    return absl::InvalidArgumentError("Parameter \"" + parameter.name +
                                      "\" has too few or too many values.");
  }
  for (const std::string& value : values) {
    if (absl::Status status = CheckValue(parameter, value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace relay
