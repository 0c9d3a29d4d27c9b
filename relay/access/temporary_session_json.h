// A temporary session as JSON: in its token, and with what a running session was allowed by.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "relay/access/caller.h"

namespace relay {

nlohmann::json ToJson(const TemporarySession& session);

// ReadSession returns false when a member is missing or of another kind: another release wrote it,
// and what it left out must not make the session mightier.
bool ReadSession(const nlohmann::json& json, TemporarySession& session);

}  // namespace relay
