#include "relay/policy/pattern.h"

#include <algorithm>

#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

bool IsKeyName(std::string_view name) {
  const size_t colon = name.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size()) return false;
  return std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

// CharacterSize is the bytes of the UTF-8 character at the start of `text`, and 0 inside of one.
size_t CharacterSize(std::string_view text) {
  const auto is_inside = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  if (text.empty() || is_inside(text[0])) return 0;
  size_t size = 1;
  while (size < text.size() && is_inside(text[size])) ++size;
  return size;
}

}  // namespace

void Pattern::AddText(std::string_view text) {
  if (text.empty()) return;
  // Neighbours become one piece: their bytes are neighbours as well.
  if (!pieces_.empty() && pieces_.back().kind == Kind::kText) {
    pieces_.back().size += static_cast<uint32_t>(text.size());
  } else {
    pieces_.push_back({.kind = Kind::kText,
                       .offset = static_cast<uint32_t>(text_.size()),
                       .size = static_cast<uint32_t>(text.size())});
  }
  text_.append(text);
}

bool Pattern::AddVariable(std::string_view inside, std::string& problem) {
  if (inside == "*" || inside == "?" || inside == "$") {
    AddText(inside);
    return true;
  }
  Piece piece{.kind = Kind::kVariable};
  std::string_view name = inside;
  std::string_view fallback;
  const size_t comma = inside.find(',');
  if (comma != std::string_view::npos) {
    name = inside.substr(0, comma);
    fallback = inside.substr(comma + 1);
    if (fallback.size() < 3 || !fallback.starts_with(" '") || !fallback.ends_with('\'')) {
      problem = Concat({"the default in ${", inside, "} is not written as AWS reads it; write ${",
                        name, ", 'value'}"});
      return false;
    }
    fallback = fallback.substr(2, fallback.size() - 3);
    piece.has_default = true;
  }
  if (!IsKeyName(name)) {
    problem = Concat({"${", inside,
                      "} names no condition key; write a key such as ${aws:username}, or ${$}{ "
                      "for the characters ${ themselves"});
    return false;
  }
  if (keys_.size() == kVariablesMax) {
    problem = Concat({"it has more than ", std::to_string(kVariablesMax),
                      " policy variables; split it into several values"});
    return false;
  }
  piece.key = static_cast<uint16_t>(keys_.size());
  keys_.emplace_back(name);
  piece.offset = static_cast<uint32_t>(text_.size());
  piece.size = static_cast<uint32_t>(fallback.size());
  text_.append(fallback);
  pieces_.push_back(piece);
  is_literal_ = false;
  return true;
}

std::optional<Pattern> Pattern::Compile(std::string_view text, Rules rules, std::string& problem) {
  Pattern pattern;
  pattern.source_ = std::string(text);
  pattern.ignore_case_ = rules.ignore_case;
  size_t at = 0;
  while (at < text.size()) {
    if (rules.variables == Variables::kSubstituted && text.substr(at).starts_with("${")) {
      const size_t end = text.find('}', at);
      if (end == std::string_view::npos) {
        problem =
            "a policy variable that begins with ${ has no closing }; add it, or write ${$}{ "
            "for the characters ${ themselves";
        return std::nullopt;
      }
      if (!pattern.AddVariable(text.substr(at + 2, end - at - 2), problem)) return std::nullopt;
      at = end + 1;
      continue;
    }
    if (rules.wildcards && (text[at] == '*' || text[at] == '?')) {
      const Kind kind = text[at] == '*' ? Kind::kAnyText : Kind::kAnyCharacter;
      const bool repeats = kind == Kind::kAnyText && !pattern.pieces_.empty() &&
                           pattern.pieces_.back().kind == Kind::kAnyText;
      if (!repeats) pattern.pieces_.push_back({.kind = kind});
      pattern.is_literal_ = false;
      ++at;
      continue;
    }
    size_t end = at + 1;
    while (end < text.size() && text[end] != '$' && text[end] != '*' && text[end] != '?') ++end;
    pattern.AddText(text.substr(at, end - at));
    at = end;
  }
  return pattern;
}

bool Pattern::Resolve(const RequestContext& context, VariableValues& values) const {
  for (const Piece& piece : pieces_) {
    if (piece.kind != Kind::kVariable) continue;
    const RequestContext::Values found = context.Find(keys_[piece.key]);
    if (found.size() > 1) return false;
    std::string_view value = found.empty() ? std::string_view() : found[0];
    if (value.empty()) {
      if (!piece.has_default) return false;
      value = std::string_view(text_).substr(piece.offset, piece.size);
    }
    values[piece.key] = value;
  }
  return true;
}

std::string_view Pattern::TextOf(const Piece& piece, const VariableValues& values) const {
  if (piece.kind == Kind::kVariable) return values[piece.key];
  return std::string_view(text_).substr(piece.offset, piece.size);
}

bool Pattern::StartsWith(std::string_view text, std::string_view start) const {
  return ignore_case_ ? StartsWithIgnoringCase(text, start) : text.starts_with(start);
}

bool Pattern::Matches(std::string_view text, const RequestContext& context) const {
  if (is_literal_) return text.size() == text_.size() && StartsWith(text, text_);
  if (keys_.empty()) {
    static constexpr VariableValues kNoValues{};
    return MatchesPieces(text, kNoValues);
  }
  VariableValues values;
  return Resolve(context, values) && MatchesPieces(text, values);
}

// The text is taken from left to right. After a star, what follows it is looked for further and
// further right; an earlier star is never tried again, because the later one can take up whatever
// the earlier one would.
bool Pattern::MatchesPieces(std::string_view text, const VariableValues& values) const {
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t piece = 0;
  size_t at = 0;
  size_t after_star = kNone;
  size_t star_end = 0;
  while (true) {
    bool fits = false;
    if (piece == pieces_.size()) {
      if (at == text.size()) return true;
    } else if (pieces_[piece].kind == Kind::kAnyText) {
      if (piece + 1 == pieces_.size()) return true;
      after_star = ++piece;
      star_end = at;
      fits = true;
    } else if (pieces_[piece].kind == Kind::kAnyCharacter) {
      const size_t size = CharacterSize(text.substr(at));
      at += size;
      fits = size > 0;
      ++piece;
    } else {
      const std::string_view expected = TextOf(pieces_[piece], values);
      fits = StartsWith(text.substr(at), expected);
      at += expected.size();
      ++piece;
    }
    if (!fits) {
      if (after_star == kNone || star_end == text.size()) return false;
      piece = after_star;
      at = ++star_end;
    } else if (piece != after_star) {
      continue;
    }
    // The place after a star: go straight to where plain text can stand.
    const Piece& next = pieces_[piece];
    if (ignore_case_ || next.kind == Kind::kAnyCharacter || next.kind == Kind::kAnyText) continue;
    const std::string_view expected = TextOf(next, values);
    if (piece + 1 == pieces_.size()) return text.substr(at).ends_with(expected);
    star_end = text.find(expected, at);
    if (star_end == std::string_view::npos) return false;
    at = star_end;
  }
}

}  // namespace relay::policy
