// `{{ name }}` in a document's texts.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace relay {

// ParameterValues has the values of every declared parameter, those that were given or the
// defaults; a String's are one.
using ParameterValues = std::map<std::string, std::vector<std::string>, std::less<>>;

// TextPiece is literal text, or a placeholder's name.
struct TextPiece {
  bool is_placeholder = false;
  std::string text;
};

// SplitPlaceholders cuts a text into pieces. `{{` without a name and `}}` behind it is literal, as
// it is for AWS. InvalidArgument: `{{ssm:...}}`, which is for a parameter store that is not here.
absl::StatusOr<std::vector<TextPiece>> SplitPlaceholders(std::string_view text);

// What is filled in stops behind this many bytes, far more than any text may have in the end: a
// value may stand in a document any number of times.
inline constexpr size_t kFilledSizeMax = 64 * 1024;

// FillPlaceholders puts values in the place of placeholders, once: a value is not looked into.
// Requires: SplitPlaceholders takes the text, and all its names are in `values`.
std::string FillPlaceholders(std::string_view text, const ParameterValues& values);

}  // namespace relay
