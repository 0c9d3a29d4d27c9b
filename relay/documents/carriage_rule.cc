#include "relay/documents/carriage_rule.h"

namespace relay {
namespace {

constexpr std::string_view kInspectedText = "inspected";
constexpr std::string_view kSealedText = "sealed";

}  // namespace

std::string_view CarriageText(Carriage carriage) {
  return carriage == Carriage::kSealed ? kSealedText : kInspectedText;
}

std::optional<Carriage> ParseCarriage(std::string_view text) {
  if (text == kInspectedText) return Carriage::kInspected;
  if (text == kSealedText) return Carriage::kSealed;
  return std::nullopt;
}

absl::StatusOr<Carriage> ChooseCarriage(CarriageRule rule, std::optional<Carriage> asked) {
  const Carriage chosen = asked.value_or(Carriage::kInspected);
  if (asked == Carriage::kInspected && rule != CarriageRule::kEither) {
    return absl::FailedPreconditionError(
        "The document or the preferences have a kmsKeyId, so that nothing passes in clear: ask for "
        "a sealed session (--sealed instead of --inspected).");
  }
  if (chosen == Carriage::kInspected && rule == CarriageRule::kSealedOnly) {
    return absl::FailedPreconditionError(
        "The document or the preferences have a kmsKeyId, and forwarded ports are sealed then: use "
        "adit, whose ports are. AWS's clients encrypt shells and commands alone.");
  }
  return chosen;
}

Carriage SealIfDemanded(CarriageRule rule) {
  return rule == CarriageRule::kEither ? Carriage::kInspected : Carriage::kSealed;
}

}  // namespace relay
