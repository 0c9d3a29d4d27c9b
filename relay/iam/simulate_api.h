// What would be decided: the policy simulator.

#pragma once

#include "relay/api/api_call.h"

namespace relay::iam {

// Decisions of one simulation, actions times resources.
inline constexpr size_t kSimulatedMax = 2'000;
// Statements and missing keys in one answer: each decision names its own, and once more for its
// resource.
inline constexpr size_t kAnswerPartsMax = 50'000;

ApiOutcome SimulatePrincipalPolicy(ApiContext& context, ApiCall& call);
ApiOutcome SimulateCustomPolicy(ApiContext& context, ApiCall& call);
ApiOutcome GetContextKeysForPrincipalPolicy(ApiContext& context, ApiCall& call);
ApiOutcome GetContextKeysForCustomPolicy(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
