// Where a policy's statements stand in its text: the simulator tells people.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace relay::policy {

// TextPosition counts lines and characters from 1.
struct TextPosition {
  uint32_t line = 1;
  uint32_t column = 1;
};

// TextSpan goes from its first character to behind its last one.
struct TextSpan {
  TextPosition begin;
  TextPosition end;
};

// StatementSpans returns them in their order. Requires: ReadPolicyJson took the text.
std::vector<TextSpan> StatementSpans(std::string_view text);

}  // namespace relay::policy
