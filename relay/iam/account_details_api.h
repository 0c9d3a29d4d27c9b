#pragma once

#include "relay/api/api_call.h"

namespace relay::iam {

// GetAccountAuthorizationDetails: everybody there is, and every policy, in pages.
ApiOutcome GetAccountAuthorizationDetails(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
