// StartSession, TerminateSession, DescribeSessions.

#pragma once

#include "relay/api/api_call.h"

namespace relay {

ApiOutcome StartSession(ApiContext& context, ApiCall& call);
ApiOutcome TerminateSession(ApiContext& context, ApiCall& call);
ApiOutcome DescribeSessions(ApiContext& context, ApiCall& call);

}  // namespace relay
