#include "relay/policy/condition.h"

#include <algorithm>

#include "engine/crypto/base64.h"
#include "relay/policy/arn_parts.h"
#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

using Kind = ConditionOperator::Kind;
using Sense = ConditionOperator::Sense;
using Comparison = ConditionOperator::Comparison;
using Quantifier = ConditionOperator::Quantifier;
using Absence = ConditionOperator::Absence;

template <typename T>
bool Compares(Comparison comparison, const T& value, const T& with) {
  switch (comparison) {
    case Comparison::kEqual:
      return value == with;
    case Comparison::kLess:
      return value < with;
    case Comparison::kLessOrEqual:
      return value <= with;
    case Comparison::kGreater:
      return value > with;
    case Comparison::kGreaterOrEqual:
      return value >= with;
  }
  return false;
}

// ReadAll fills `out` with what `read` makes of each value; a value that it cannot read is named.
template <typename T, typename Read>
bool ReadAll(const std::vector<std::string>& values, Read read, std::string_view expected,
             std::vector<T>& out, std::string& problem) {
  for (const std::string& value : values) {
    auto read_value = read(value);
    if (!read_value) {
      // `read` may know better what is wrong.
      if (problem.empty()) problem = Concat({"\"", value, "\" is not ", expected});
      return false;
    }
    out.push_back(*std::move(read_value));
  }
  return true;
}

// IsBool is about a value without variables.
bool IsBool(std::string_view value) {
  return EqualsIgnoringCase(value, "true") || EqualsIgnoringCase(value, "false");
}

}  // namespace

std::optional<Condition> Condition::Compile(std::string_view operator_name, std::string_view key,
                                            const std::vector<std::string>& values,
                                            Variables variables, std::string& problem) {
  const std::optional<ConditionOperator> found = ReadOperator(operator_name);
  if (!found) {
    problem =
        "it is no condition operator; write one such as StringEquals, StringLikeIfExists or "
        "ForAnyValue:StringLike";
    return std::nullopt;
  }
  if (found->kind == Kind::kNull &&
      (found->absence == Absence::kHolds || found->quantifier != Quantifier::kNone)) {
    problem = "Null itself asks whether a key exists; write Null alone";
    return std::nullopt;
  }
  const size_t colon = key.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == key.size()) {
    problem =
        Concat({"\"", key, "\" is no condition key; write it with its prefix, as in aws:SourceIp"});
    return std::nullopt;
  }
  if (values.empty()) {
    problem = "it has no value to compare with; give at least one";
    return std::nullopt;
  }
  Condition condition(key, *found);
  if (!condition.CompileValues(values, variables, problem)) return std::nullopt;
  return condition;
}

bool Condition::CompileValues(const std::vector<std::string>& values, Variables variables,
                              std::string& problem) {
  const Kind kind = operator_.kind;
  const auto compile = [&](Pattern::Rules rules) {
    rules.variables = variables;
    std::vector<Pattern> patterns;
    for (const std::string& value : values) {
      auto pattern = Pattern::Compile(value, rules, problem);
      if (!pattern) return false;
      if (kind == Kind::kBool && pattern->is_literal() && !IsBool(value)) {
        problem = Concat({"\"", value, "\" is neither true nor false"});
        return false;
      }
      patterns.push_back(*std::move(pattern));
    }
    values_ = std::move(patterns);
    return true;
  };
  switch (kind) {
    case Kind::kText:
      return compile({.wildcards = false});
    case Kind::kTextIgnoringCase:
    case Kind::kBool:
      return compile({.wildcards = false, .ignore_case = true});
    case Kind::kWildcardText:
      return compile({.wildcards = true});
    case Kind::kNumber:
      return ReadAll(values, ParseNumber, "a decimal number such as 3389",
                     values_.emplace<std::vector<double>>(), problem);
    case Kind::kDate:
      return ReadAll(values, ParseDate,
                     "a date; write it as 2026-11-27T09:30:00Z, or in unix seconds",
                     values_.emplace<std::vector<int64_t>>(), problem);
    case Kind::kIpAddress:
      return ReadAll(values, IpRange::Parse, "an IP address or range such as 192.0.2.0/24",
                     values_.emplace<std::vector<IpRange>>(), problem);
    case Kind::kBinary:
      return ReadAll(
          values,
          [](const std::string& value) {
            return engine::crypto::DecodeBase64(value) ? std::optional(value) : std::nullopt;
          },
          "Base64 with its padding", values_.emplace<Binaries>().texts, problem);
    case Kind::kArn:
      return ReadAll(
          values,
          [&](const std::string& value) -> std::optional<ArnPattern> {
            const auto parts = SplitArn(value);
            if (!parts) return std::nullopt;
            ArnPattern arn;
            for (size_t i = 0; i < arn.size(); ++i) {
              auto part = Pattern::Compile((*parts)[i], {.variables = variables}, problem);
              if (!part) return std::nullopt;
              arn[i] = *std::move(part);
            }
            return arn;
          },
          "an ARN, which has six parts between colons, as in arn:aws:iam::*:user/alice",
          values_.emplace<std::vector<ArnPattern>>(), problem);
    case Kind::kNull: {
      Presence& presence = values_.emplace<Presence>();
      for (const std::string& value : values) {
        if (!IsBool(value)) {
          problem = Concat({"\"", value, "\" is neither true (the key must be absent) nor false"});
          return false;
        }
        (EqualsIgnoringCase(value, "true") ? presence.absent : presence.present) = true;
      }
      return true;
    }
  }
  return false;
}

bool Condition::Holds(const RequestContext& context) const {
  const RequestContext::Values found = context.Find(key_);
  if (const auto* presence = std::get_if<Presence>(&values_))
    return found.empty() ? presence->absent : presence->present;
  const bool is_negated = operator_.sense == Sense::kNegated;
  if (found.empty()) {
    if (operator_.quantifier == Quantifier::kForAnyValue) return false;
    if (operator_.quantifier == Quantifier::kForAllValues) return true;
    return operator_.absence == Absence::kHolds || is_negated;
  }
  if (operator_.quantifier == Quantifier::kNone)
    return found.size() == 1 && MatchesValue(found[0], context) != is_negated;
  const bool is_for_all = operator_.quantifier == Quantifier::kForAllValues;
  for (size_t i = 0; i < found.size(); ++i)
    if ((MatchesValue(found[i], context) != is_negated) != is_for_all) return !is_for_all;
  return is_for_all;
}

bool Condition::MatchesValue(std::string_view value, const RequestContext& context) const {
  const auto any_of = [](const auto& values, const auto& matches) {
    return std::any_of(values.begin(), values.end(), matches);
  };
  if (const auto* patterns = std::get_if<std::vector<Pattern>>(&values_))
    return any_of(*patterns,
                  [&](const Pattern& pattern) { return pattern.Matches(value, context); });
  if (const auto* arns = std::get_if<std::vector<ArnPattern>>(&values_)) {
    const auto parts = SplitArn(value);
    return parts && any_of(*arns, [&](const ArnPattern& arn) {
             for (size_t i = 0; i < arn.size(); ++i)
               if (!arn[i].Matches((*parts)[i], context)) return false;
             return true;
           });
  }
  if (const auto* numbers = std::get_if<std::vector<double>>(&values_)) {
    const auto number = ParseNumber(value);
    return number && any_of(*numbers, [&](double with) {
             return Compares(operator_.comparison, *number, with);
           });
  }
  if (const auto* dates = std::get_if<std::vector<int64_t>>(&values_)) {
    const auto date = ParseDate(value);
    return date && any_of(*dates, [&](int64_t with) {
             return Compares(operator_.comparison, *date, with);
           });
  }
  if (const auto* ranges = std::get_if<std::vector<IpRange>>(&values_)) {
    const auto address = IpRange::ParseAddress(value);
    return address &&
           any_of(*ranges, [&](const IpRange& range) { return range.Contains(*address); });
  }
  const auto* binaries = std::get_if<Binaries>(&values_);
  return binaries != nullptr &&
         any_of(binaries->texts, [&](const std::string& text) { return text == value; });
}

std::vector<std::string> Condition::DemandedTexts() const {
  const auto* patterns = std::get_if<std::vector<Pattern>>(&values_);
  const bool is_equality = operator_.kind == Kind::kText && operator_.sense == Sense::kPlain;
  if (patterns == nullptr || !is_equality || operator_.quantifier != Quantifier::kNone ||
      operator_.absence == Absence::kHolds)
    return {};
  std::vector<std::string> texts;
  for (const Pattern& pattern : *patterns) {
    if (!pattern.is_literal()) return {};
    texts.push_back(pattern.literal_text());
  }
  return texts;
}

void Condition::AddKeys(std::vector<std::string>& names) const {
  names.push_back(key_.name());
  const auto add = [&](const Pattern& pattern) {
    for (const ContextKey& key : pattern.variables()) names.push_back(key.name());
  };
  if (const auto* patterns = std::get_if<std::vector<Pattern>>(&values_))
    for (const Pattern& pattern : *patterns) add(pattern);
  if (const auto* arns = std::get_if<std::vector<ArnPattern>>(&values_))
    for (const ArnPattern& arn : *arns)
      for (const Pattern& part : arn) add(part);
}

}  // namespace relay::policy
