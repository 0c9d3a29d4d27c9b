// The sealed half of StartSession, Adit.SealSession and Adit.OpenLane.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "relay/api/api_call.h"
#include "relay/broker/sealed_state.h"
#include "relay/broker/session_wish.h"

namespace relay {

// ReadCarriage takes what a request's member `Adit` says of the session's carriage: nothing,
// `inspected`, `sealed` with the client's key, or `inspected` with a key for the case that the
// document demands `sealed`.
std::optional<ApiError> ReadCarriage(const nlohmann::json& adit, StartRequest& request);

// NoteStarted ends what an earlier attempt of the same call has started. Of either carriage, when a
// session was started.
std::optional<ApiError> NoteStarted(ApiContext& context, const ApiCall& call,
                                    const std::string& session_id);

// NativeAnswer is what our own client is told of a session's node and of where to go, either
// carriage.
nlohmann::json NativeAnswer(ApiContext& context, const std::string& node_id, uint32_t loop);

// StartByOffer asks the node, and answers when it has consented: for sealed sessions, and for
// inspected ones whose client comes again. When it does not, and there is `otherwise`, that
// answers. Requires: the client said which carriage.
using StartOtherwise = ApiOutcome (*)(ApiContext& context, ApiCall& call,
                                      const StartRequest& request);
ApiOutcome StartByOffer(ApiContext& context, const StartRequest& request, StartOtherwise otherwise);

// Adit.SealSession: what was started for an AWS client goes on sealed, before anybody has joined
// it. The session's token proves who asks.
bool HoldsSessionToken(Store& store, const nlohmann::json& input, int64_t now_unix_ms);
ApiOutcome SealSession(ApiContext& context, ApiCall& call);

ApiOutcome OpenLane(ApiContext& context, ApiCall& call);

// ToError is how the API says why there is no session, or no lane.
ApiError ToError(const StartFailure& failure);
ApiError ToError(const LaneFailure& failure);

}  // namespace relay
