// Adit.Rejoin: a client whose connection died asks for another one, for a lane of a sealed session.
// What proves it is the session's own key, since the credentials may have expired meanwhile.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/crypto/digest.h"
#include "relay/api/api_call.h"

namespace relay {

// RejoinKeyOf returns the key of a session. It is made anew each time, and so is known to a relay
// that was restarted.
engine::crypto::Sha256Digest RejoinKeyOf(const Store& store, std::string_view session_id);

// HoldsRejoinKey is true when Rejoin's input is proved by the session's key. That says nothing of
// whether there is such a session, or whether this was asked before.
bool HoldsRejoinKey(Store& store, const nlohmann::json& input, int64_t now_unix_ms);

ApiOutcome Rejoin(ApiContext& context, ApiCall& call);

// RejoinMeanwhile is Rejoin while the store is down, by what is known without it: the session
// lives, and the permission that was found last holds, since nobody can take it away without
// writing. Requires: HoldsRejoinKey.
ApiOutcome RejoinMeanwhile(ApiContext& context, ApiCall& call);

}  // namespace relay
