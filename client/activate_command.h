#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunActivate makes an activation and prints the line to paste on the node, which is a secret, to
// stdout; what to do with it goes to stderr.
int RunActivate(const CommonFlags& flags, const Environment& environment,
                const ActivateOptions& options);

}  // namespace client
