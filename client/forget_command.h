#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunForget is `adit forget`: it removes a node's key from known_nodes and returns the exit code.
// Nobody is asked.
int RunForget(const Environment& environment, const ForgetOptions& options);

}  // namespace client
