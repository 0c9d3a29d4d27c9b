// What both halves of Signature Version 4 do with text: ASCII alone, no locale.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engine {

// Split returns the parts between separators, empty ones too: always at least one.
std::vector<std::string_view> Split(std::string_view text, char separator);

// TrimBlanks takes spaces and tabs from both ends.
std::string_view TrimBlanks(std::string_view text);

std::string LowerAscii(std::string_view text);

}  // namespace engine
