// Text of a policy that is compared with text of a request: wildcards and policy variables.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/policy/request_context.h"

namespace relay::policy {

// Variables says what ${...} is. In documents of the old version it is plain text.
enum class Variables : uint8_t { kSubstituted, kPlainText };

// Pattern is compiled once and then compared without allocating.
//
//     *  ?                         any text; one character (where wildcards count)
//     ${aws:username}              the value of a key of the request
//     ${aws:PrincipalTag/x, 'y'}   the same, and y when the request has no such value
//     ${*} ${?} ${$}               the plain character
//
// A variable's value is plain text: a * in it is an asterisk. A variable that has no value, and no
// default, makes the pattern match nothing. Empty counts as no value, and so do several values.
class Pattern {
 public:
  struct Rules {
    bool wildcards = true;
    Variables variables = Variables::kSubstituted;
    bool ignore_case = false;
  };

  static constexpr size_t kVariablesMax = 16;

  // Compile returns nothing when a variable is not written as above, or there are more than
  // kVariablesMax; `problem` then says what is wrong and how to mend it.
  static std::optional<Pattern> Compile(std::string_view text, Rules rules, std::string& problem);

  // Matches compares all of `text`. Stars are never nested into one another's retries: the work is
  // at most the product of both sizes, and in proportion to `text` where plain text follows a star.
  bool Matches(std::string_view text, const RequestContext& context) const;

  // What it was compiled from.
  const std::string& text() const { return source_; }

  // True for a pattern without wildcards and variables.
  bool is_literal() const { return is_literal_; }

  // The one text that a literal pattern matches (but for case, where that is ignored).
  // Requires: is_literal().
  const std::string& literal_text() const { return text_; }

  const std::vector<ContextKey>& variables() const { return keys_; }

 private:
  enum class Kind : uint8_t { kText, kAnyText, kAnyCharacter, kVariable };
  struct Piece {
    Kind kind;
    bool has_default = false;
    uint16_t key = 0;
    // Where in text_ the plain text, or the variable's default, is.
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  using VariableValues = std::array<std::string_view, kVariablesMax>;

  void AddText(std::string_view text);
  bool AddVariable(std::string_view inside, std::string& problem);
  bool Resolve(const RequestContext& context, VariableValues& values) const;
  bool MatchesPieces(std::string_view text, const VariableValues& values) const;
  std::string_view TextOf(const Piece& piece, const VariableValues& values) const;
  bool StartsWith(std::string_view text, std::string_view start) const;

  std::string source_;
  // The plain text of all pieces, one behind the other.
  std::string text_;
  std::vector<Piece> pieces_;
  std::vector<ContextKey> keys_;
  bool is_literal_ = true;
  bool ignore_case_ = false;
};

}  // namespace relay::policy
