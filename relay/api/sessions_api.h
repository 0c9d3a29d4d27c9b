// StartSession, TerminateSession, DescribeSessions.

#pragma once

#include "relay/api/api_call.h"

namespace relay {

std::optional<ApiError> StartSession(ApiContext& context, ApiCall& call);
std::optional<ApiError> TerminateSession(ApiContext& context, ApiCall& call);
std::optional<ApiError> DescribeSessions(ApiContext& context, ApiCall& call);

}  // namespace relay
