#pragma once

#include "client/client_options.h"
#include "client/relay_access.h"

namespace client {

inline constexpr int kDeniedExit = 1;

// SimulatePolicy prints whether something is allowed and which statement decides. It returns 0 when
// all is allowed, kDeniedExit when anything is not, and kOwnFailure when the relay cannot say.
int SimulatePolicy(RelayAccess& relay, const PolicyOptions& options);

}  // namespace client
