#include "relay/documents/placeholder.h"

#include <algorithm>

#include "engine/base/check.h"

namespace relay {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':' || c == '/';
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

absl::StatusOr<std::vector<TextPiece>> SplitPlaceholders(std::string_view text) {
  std::vector<TextPiece> pieces;
  const auto add_text = [&pieces](std::string_view literal) {
    if (literal.empty()) return;
    if (!pieces.empty() && !pieces.back().is_placeholder) {
      pieces.back().text += literal;
    } else {
      pieces.push_back({false, std::string(literal)});
    }
  };
  while (!text.empty()) {
    const size_t begin = text.find("{{");
    const size_t end = begin == std::string_view::npos ? begin : text.find("}}", begin + 2);
    if (end == std::string_view::npos) {
      add_text(text);
      break;
    }
    const std::string_view name = Trim(text.substr(begin + 2, end - begin - 2));
    const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), IsNameCharacter);
    if (!is_name) {
      add_text(text.substr(0, begin + 1));  // One brace: the next may begin a placeholder.
      text.remove_prefix(begin + 1);
      continue;
    }
    if (name.find(':') != std::string_view::npos) {
      return absl::InvalidArgumentError("{{ " + std::string(name) +
                                        " }} refers to a parameter store, and there is none here; "
                                        "declare a parameter instead");
    }
    add_text(text.substr(0, begin));
    pieces.push_back({true, std::string(name)});
    text.remove_prefix(end + 2);
  }
  return pieces;
}

std::string FillPlaceholders(std::string_view text, const ParameterValues& values) {
  const absl::StatusOr<std::vector<TextPiece>> pieces = SplitPlaceholders(text);
  CHECK(pieces.ok());
  std::string filled;
  for (const TextPiece& piece : *pieces) {
    if (!piece.is_placeholder) {
      filled += piece.text;
      continue;
    }
    const auto found = values.find(piece.text);
    CHECK(found != values.end());
    for (const std::string& value : found->second) {
      if (&value != &found->second.front()) filled += ' ';
      filled += value;
    }
    if (filled.size() > kFilledSizeMax) break;
  }
  return filled;
}

}  // namespace relay
