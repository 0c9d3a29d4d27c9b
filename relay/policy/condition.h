// One line of a statement's Condition: an operator, a key, and the values it is compared with.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/policy/condition_operator.h"
#include "relay/policy/condition_value.h"
#include "relay/policy/pattern.h"
#include "relay/policy/request_context.h"

namespace relay::policy {

// Condition knows every operator of IAM, plain, with IfExists, and with ForAllValues: or
// ForAnyValue:. What decides, in this order:
//
//     Null                      whether the key has a value
//     no value, ForAnyValue:    false, with IfExists too: no value is none that matches
//     no value, ForAllValues:   true
//     no value, IfExists        true
//     no value                  what a comparison that does not match gives: true for Not...
//     several values            false without ForAllValues: or ForAnyValue:, as AWS demands one
//     a value                   whether any of the policy's values matches it; Not... whether none
//
// A value that is not of the operator's kind (a word where a number is compared) matches nothing.
class Condition {
 public:
  // Compile reads the operator's name, in any case. Returns nothing when operator, key or values
  // are not valid; `problem` then says what is wrong and how to mend it.
  static std::optional<Condition> Compile(std::string_view operator_name, std::string_view key,
                                          const std::vector<std::string>& values,
                                          Variables variables, std::string& problem);

  bool Holds(const RequestContext& context) const;

  const ContextKey& key() const { return key_; }

  // DemandedTexts returns the values of which the key must have exactly one for the condition to
  // hold. Empty: the condition is of another form.
  std::vector<std::string> DemandedTexts() const;

  // AddKeys adds the names of all keys that it looks at.
  void AddKeys(std::vector<std::string>& names) const;

 private:
  // ArnPattern is compared part by part, so that a star stays between its colons; only the sixth
  // part, the resource, may have colons in it.
  using ArnPattern = std::array<Pattern, 6>;
  struct Presence {
    bool absent = false;
    bool present = false;
  };
  struct Binaries {
    // Base64 has one text for one value (engine/crypto/base64.h), so texts are compared.
    std::vector<std::string> texts;
  };
  using Values = std::variant<std::vector<Pattern>, std::vector<ArnPattern>, std::vector<double>,
                              std::vector<int64_t>, std::vector<IpRange>, Binaries, Presence>;

  Condition(std::string_view key, ConditionOperator op) : key_(key), operator_(op) {}
  bool CompileValues(const std::vector<std::string>& values, Variables variables,
                     std::string& problem);
  bool MatchesValue(std::string_view value, const RequestContext& context) const;

  ContextKey key_;
  ConditionOperator operator_;
  Values values_;
};

}  // namespace relay::policy
