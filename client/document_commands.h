#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunDocument obeys one of the `adit doc` commands, and returns the exit code.
int RunDocument(const CommonFlags& flags, const Environment& environment,
                const DocumentOptions& options);

}  // namespace client
