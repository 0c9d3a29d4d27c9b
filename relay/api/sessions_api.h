// StartSession, TerminateSession, DescribeSessions.

#pragma once

#include <string>
#include <string_view>

#include "relay/api/api_call.h"

namespace relay {

// StreamUrl is where an AWS client opens the session's data channel, also when it comes back.
std::string StreamUrl(const ApiContext& context, std::string_view session_id);

ApiOutcome StartSession(ApiContext& context, ApiCall& call);
ApiOutcome TerminateSession(ApiContext& context, ApiCall& call);
ApiOutcome DescribeSessions(ApiContext& context, ApiCall& call);

}  // namespace relay
