// The sealed half of StartSession, and Adit.OpenLane.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "relay/api/api_call.h"
#include "relay/broker/session_wish.h"

namespace relay {

// ReadCarriage takes what a request's member `Adit` says of the session's carriage: nothing,
// `inspected`, or `sealed` with the client's key.
std::optional<ApiError> ReadCarriage(const nlohmann::json& adit, StartRequest& request);

// StartSealed asks the node, and answers when it has consented. Requires: the client asked for a
// sealed session.
ApiOutcome StartSealed(ApiContext& context, const StartRequest& request);

ApiOutcome OpenLane(ApiContext& context, ApiCall& call);

// ToError is how the API says why there is no session.
ApiError ToError(const StartFailure& failure);

}  // namespace relay
