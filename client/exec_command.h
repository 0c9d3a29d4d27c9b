#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// RunExec is `adit exec`: one command, its arguments as given, on pipes or (-t) on a terminal.
int RunExec(const CommonFlags& flags, const Environment& environment, const ExecOptions& options);

}  // namespace client
