#pragma once

#include "client/client_options.h"
#include "client/environment.h"

namespace client {

// Each is one command: it prints to stdout and returns the exit code. With --json a list is one
// object a line, with members that are only ever added to.

int RunNodes(const CommonFlags& flags, const Environment& environment, const NodesOptions& options);
int RunSessions(const CommonFlags& flags, const Environment& environment,
                const SessionsOptions& options);

// RunTerminate takes a session's id, or the beginning of one that is open.
int RunTerminate(const CommonFlags& flags, const Environment& environment,
                 const TerminateOptions& options);

}  // namespace client
