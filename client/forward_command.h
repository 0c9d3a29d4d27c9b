#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunForward is `adit forward`: it takes the local ports, starts one session a forward, and carries
// connections until a signal (exit code 0 for SIGTERM, 128 + n otherwise) or until a session or its
// link ends (255).
int RunForward(const CommonFlags& flags, const Environment& environment,
               const ForwardOptions& options);

}  // namespace client
