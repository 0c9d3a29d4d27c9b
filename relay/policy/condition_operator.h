// The operators of conditions, by name.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace relay::policy {

struct ConditionOperator {
  enum class Kind : uint8_t {
    kText,
    kTextIgnoringCase,
    kWildcardText,
    kNumber,
    kDate,
    kBool,
    kBinary,
    kIpAddress,
    kArn,
    kNull,
  };
  enum class Sense : uint8_t { kPlain, kNegated };
  enum class Comparison : uint8_t { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  enum class Quantifier : uint8_t { kNone, kForAllValues, kForAnyValue };
  enum class Absence : uint8_t { kIsCompared, kHolds };

  Kind kind = Kind::kText;
  // kNegated: NotEquals and its like.
  Sense sense = Sense::kPlain;
  Comparison comparison = Comparison::kEqual;
  Quantifier quantifier = Quantifier::kNone;
  // kHolds: with IfExists.
  Absence absence = Absence::kIsCompared;
};

// ReadOperator reads a name such as ForAnyValue:StringLikeIfExists, in any case. Nothing: there is
// no such operator.
std::optional<ConditionOperator> ReadOperator(std::string_view name);

}  // namespace relay::policy
