#include "relay/documents/command_template.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/wire/command_line.h"

namespace relay {
namespace {

std::vector<TextPiece> Pieces(std::string_view text) {
  absl::StatusOr<std::vector<TextPiece>> pieces = SplitPlaceholders(text);
  CHECK(pieces.ok());
  return *std::move(pieces);
}

// QuoteState follows a shell's quotes over literal text. Where it errs (in a here-document, say) a
// reference may be taken apart at blanks, but a value is still not parsed.
class QuoteState {
 public:
  void Read(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quote_ == '\'') {
        if (c == '\'') quote_ = 0;
      } else if (c == '\\') {
        ++i;
      } else if (quote_ == '"') {
        if (c == '"') quote_ = 0;
      } else if (c == '\'' || c == '"') {
        quote_ = c;
      }
    }
  }
  char quote() const { return quote_; }

 private:
  char quote_ = 0;
};

std::string VariableName(size_t number, size_t index, const std::string& parameter) {
  std::string name = "adit_" + std::to_string(number) + "_";
  if (index > 0) name += std::to_string(index) + "_";
  for (const char c : parameter) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
  return name;
}

std::string Reference(const std::string& variable, char quote) {
  if (quote == '"') return "${" + variable + "}";
  if (quote == '\'') return "'\"${" + variable + "}\"'";
  return "\"${" + variable + "}\"";
}

// kMark stands for a placeholder while words are split; no text of a document holds it.
constexpr char kMark = '\x01';

absl::Status TooLong() {
  return absl::InvalidArgumentError("with its values it has more than " +
                                    std::to_string(kFilledSizeMax) + " bytes");
}

}  // namespace

std::string WholePlaceholder(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::string name;
  for (const TextPiece& piece : Pieces(text)) {
    if (piece.is_placeholder) {
      if (!name.empty()) return {};
      name = piece.text;
    } else if (piece.text.find_first_not_of(kBlanks) != std::string::npos) {
      return {};
    }
  }
  return name;
}

std::string FillScript(std::string_view text, const ParameterValues& values) {
  std::string variables;
  std::string script;
  QuoteState state;
  std::map<std::string, std::vector<std::string>> names;  // By parameter: its variables.
  for (const TextPiece& piece : Pieces(text)) {
    if (!piece.is_placeholder) {
      state.Read(piece.text);
      script += piece.text;
      continue;
    }
    const auto found = values.find(piece.text);
    CHECK(found != values.end());
    const auto [entry, is_new] = names.try_emplace(piece.text);
    for (size_t i = 0; is_new && i < found->second.size(); ++i) {
      const bool many = found->second.size() > 1;
      entry->second.push_back(VariableName(names.size(), many ? i + 1 : 0, piece.text));
      variables += entry->second.back() + "=" + engine::QuoteArgument(found->second[i]) + "\n";
    }
    for (const std::string& variable : entry->second) {
      if (&variable != &entry->second.front()) script += ' ';
      script += Reference(variable, state.quote());
    }
  }
  return variables + script;
}

absl::StatusOr<std::string> FillWords(std::string_view text, const ParameterValues& values) {
  std::string marked;
  std::vector<const std::vector<std::string>*> filled;
  for (const TextPiece& piece : Pieces(text)) {
    if (!piece.is_placeholder) {
      if (piece.text.find(kMark) != std::string::npos) {
        return absl::InvalidArgumentError("it has a control character");
      }
      marked += piece.text;
      continue;
    }
    const auto found = values.find(piece.text);
    CHECK(found != values.end());
    filled.push_back(&found->second);
    marked += kMark;
  }
  const absl::StatusOr<std::vector<std::string>> words = engine::SplitCommand(marked);
  if (!words.ok()) return words.status();
  std::vector<std::string> arguments;
  size_t next = 0;
  size_t size = 0;
  for (const std::string& word : *words) {
    if (word == std::string(1, kMark)) {
      const std::vector<std::string>& list = *filled[next++];
      arguments.insert(arguments.end(), list.begin(), list.end());
      for (const std::string& value : list) size += value.size() + 1;
      if (size > kFilledSizeMax) return TooLong();
      continue;
    }
    std::string& argument = arguments.emplace_back();
    for (const char c : word) {
      if (c != kMark) {
        argument += c;
        continue;
      }
      const std::vector<std::string>& list = *filled[next++];
      for (size_t i = 0; i < list.size(); ++i) argument += (i > 0 ? " " : "") + list[i];
      if (size + argument.size() > kFilledSizeMax) return TooLong();
    }
    size += argument.size();
  }
  if (arguments.empty() || arguments.front().empty()) {
    return absl::InvalidArgumentError("it names no program");
  }
  return engine::JoinCommand(arguments);
}

}  // namespace relay
