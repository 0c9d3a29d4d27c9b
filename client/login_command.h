#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunLogin is `adit login`: it reads one invitation line from stdin, makes sure that the relay has
// the CA that the line promises and takes the key, and writes the configuration.
int RunLogin(const CommonFlags& flags, const Environment& environment);

}  // namespace client
