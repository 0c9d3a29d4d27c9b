#include "relay/documents/carriage_rule.h"

namespace relay {

absl::StatusOr<Carriage> ChooseCarriage(CarriageRule rule, std::optional<Carriage> asked) {
  const Carriage chosen = asked.value_or(Carriage::kInspected);
  if (chosen == Carriage::kSealed && rule == CarriageRule::kInspectedOnly) {
    return absl::FailedPreconditionError(
        "The document wants its sessions to be seen by the relay; ask for an inspected one.");
  }
  if (chosen == Carriage::kInspected && rule == CarriageRule::kSealedOnly) {
    return absl::FailedPreconditionError(
        "The document wants its sessions encrypted from end to end, as every one with a kmsKeyId "
        "does: ask for a sealed one. AWS's clients cannot, and need a document without kmsKeyId.");
  }
  return chosen;
}

}  // namespace relay
