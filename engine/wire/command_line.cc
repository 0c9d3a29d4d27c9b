#include "engine/wire/command_line.h"

#include <algorithm>
#include <string_view>

namespace engine {
namespace {

// IsPlain is true for characters that no shell treats specially anywhere in a word. `=` and `~` are
// not among them: they are special at some places of a line.
bool IsPlain(char c) {
  constexpr std::string_view kPunctuation = "_@%+:,./-";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kPunctuation.find(c) != std::string_view::npos;
}

void AppendQuoted(const std::string& argument, std::string& out) {
  if (!argument.empty() && std::all_of(argument.begin(), argument.end(), IsPlain)) {
    out += argument;
    return;
  }
  out += '\'';
  for (char c : argument) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  out += '\'';
}

}  // namespace

std::string JoinCommand(std::span<const std::string> arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (&argument != &arguments.front()) line += ' ';
    AppendQuoted(argument, line);
  }
  return line;
}

}  // namespace engine
