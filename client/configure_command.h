#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunConfigure asks on the terminal for what `adit login` would take from its line, tries it, and
// keeps it.
int RunConfigure(const CommonFlags& flags, const Environment& environment);

}  // namespace client
