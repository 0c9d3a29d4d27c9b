#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunShell is `adit shell`: the login shell of the node's user on a terminal there. Without a
// terminal here it is the same shell at 80x24, with nothing raw here and no escapes.
int RunShell(const CommonFlags& flags, const Environment& environment, const ShellOptions& options);

}  // namespace client
