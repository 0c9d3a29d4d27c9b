#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunUser obeys one of the `adit user` commands, and returns the exit code. A new key is printed to
// stdout alone, as the line that its owner pastes into `adit login`.
int RunUser(const CommonFlags& flags, const Environment& environment, const UserOptions& options);

}  // namespace client
