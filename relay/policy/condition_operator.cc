#include "relay/policy/condition_operator.h"

#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

using Kind = ConditionOperator::Kind;
using Sense = ConditionOperator::Sense;
using Comparison = ConditionOperator::Comparison;
using Quantifier = ConditionOperator::Quantifier;

struct NamedOperator {
  std::string_view name;
  Kind kind;
  Sense sense = Sense::kPlain;
  Comparison comparison = Comparison::kEqual;
};

constexpr NamedOperator kOperators[] = {
    {"StringEquals", Kind::kText},
    {"StringNotEquals", Kind::kText, Sense::kNegated},
    {"StringEqualsIgnoreCase", Kind::kTextIgnoringCase},
    {"StringNotEqualsIgnoreCase", Kind::kTextIgnoringCase, Sense::kNegated},
    {"StringLike", Kind::kWildcardText},
    {"StringNotLike", Kind::kWildcardText, Sense::kNegated},
    {"NumericEquals", Kind::kNumber},
    {"NumericNotEquals", Kind::kNumber, Sense::kNegated},
    {"NumericLessThan", Kind::kNumber, Sense::kPlain, Comparison::kLess},
    {"NumericLessThanEquals", Kind::kNumber, Sense::kPlain, Comparison::kLessOrEqual},
    {"NumericGreaterThan", Kind::kNumber, Sense::kPlain, Comparison::kGreater},
    {"NumericGreaterThanEquals", Kind::kNumber, Sense::kPlain, Comparison::kGreaterOrEqual},
    {"DateEquals", Kind::kDate},
    {"DateNotEquals", Kind::kDate, Sense::kNegated},
    {"DateLessThan", Kind::kDate, Sense::kPlain, Comparison::kLess},
    {"DateLessThanEquals", Kind::kDate, Sense::kPlain, Comparison::kLessOrEqual},
    {"DateGreaterThan", Kind::kDate, Sense::kPlain, Comparison::kGreater},
    {"DateGreaterThanEquals", Kind::kDate, Sense::kPlain, Comparison::kGreaterOrEqual},
    {"Bool", Kind::kBool},
    {"BinaryEquals", Kind::kBinary},
    {"IpAddress", Kind::kIpAddress},
    {"NotIpAddress", Kind::kIpAddress, Sense::kNegated},
    {"ArnEquals", Kind::kArn},
    {"ArnLike", Kind::kArn},
    {"ArnNotEquals", Kind::kArn, Sense::kNegated},
    {"ArnNotLike", Kind::kArn, Sense::kNegated},
    {"Null", Kind::kNull},
};

std::optional<ConditionOperator> Find(std::string_view name) {
  for (const NamedOperator& candidate : kOperators) {
    if (EqualsIgnoringCase(candidate.name, name)) {
      return ConditionOperator{
          .kind = candidate.kind, .sense = candidate.sense, .comparison = candidate.comparison};
    }
  }
  return std::nullopt;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!StartsWithIgnoringCase(text, prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<ConditionOperator> ReadOperator(std::string_view name) {
  Quantifier quantifier = Quantifier::kNone;
  if (TakePrefix(name, "ForAllValues:")) {
    quantifier = Quantifier::kForAllValues;
  } else if (TakePrefix(name, "ForAnyValue:")) {
    quantifier = Quantifier::kForAnyValue;
  }
  ConditionOperator::Absence absence = ConditionOperator::Absence::kIsCompared;
  constexpr std::string_view kIfExists = "IfExists";
  if (EndsWithIgnoringCase(name, kIfExists)) {
    absence = ConditionOperator::Absence::kHolds;
    name.remove_suffix(kIfExists.size());
  }
  std::optional<ConditionOperator> found = Find(name);
  if (!found) return std::nullopt;
  found->quantifier = quantifier;
  found->absence = absence;
  return found;
}

}  // namespace relay::policy
