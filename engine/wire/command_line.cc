#include "engine/wire/command_line.h"

#include <algorithm>
#include <string_view>
#include <utility>

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

std::string QuoteArgument(const std::string& argument) {
  std::string word;
  AppendQuoted(argument, word);
  return word;
}

absl::StatusOr<std::vector<std::string>> SplitCommand(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  constexpr std::string_view kEscapedInQuotes = "\"\\$`\n";
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\'') {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\\') {
      if (++i == line.size()) return absl::InvalidArgumentError("the command ends in a backslash");
      const bool is_kept = quote == '"' && kEscapedInQuotes.find(line[i]) == std::string_view::npos;
      if (is_kept) word += '\\';
      if (line[i] != '\n') word += line[i];
      in_word = true;
    } else if (quote == '"') {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (kBlanks.find(c) != std::string_view::npos) {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) {
    return absl::InvalidArgumentError(std::string("the command has an open ") + quote);
  }
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) return absl::InvalidArgumentError("the command is empty");
  return words;
}

}  // namespace engine
