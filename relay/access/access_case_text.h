#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "relay/access/access_case.h"

namespace relay {

// WriteAccessCase returns what was asked as a text for the store, so that a relay that was
// restarted can ask it again for a session that goes on. It holds no secret. Tags of resources are
// left out: they are read anew.
std::string WriteAccessCase(const AccessCase& asked);

// ReadAccessCase reads such a text. Nothing: another release wrote it, in another form.
std::optional<AccessCase> ReadAccessCase(std::string_view text);

}  // namespace relay
