#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunProxy is `adit proxy`: one connection to a port at or behind a node, on standard input and
// output. Its exit code is as of `ssh -W`: 0 when the connection ended in order, kOwnFailure when
// it was refused or broke, and 128 + n after a signal.
int RunProxy(const CommonFlags& flags, const Environment& environment, const ProxyOptions& options);

}  // namespace client
