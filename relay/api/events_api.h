#pragma once

#include "relay/api/api_call.h"

namespace relay {

// LookupEvents is CloudTrail's: the audit events of the last kLookupDays, newest first. Without
// LookupAttributes it is all of them; there may be one.
ApiOutcome LookupEvents(ApiContext& context, ApiCall& call);

}  // namespace relay
