#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunPolicy obeys one of the `adit policy` commands, and returns the exit code.
int RunPolicy(const CommonFlags& flags, const Environment& environment,
              const PolicyOptions& options);

}  // namespace client
