#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunWhoAmI prints who the relay takes this key for, and returns the exit code.
int RunWhoAmI(const CommonFlags& flags, const Environment& environment,
              const WhoAmIOptions& options);

}  // namespace client
