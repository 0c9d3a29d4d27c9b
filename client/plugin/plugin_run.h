// One session from the CLI's call to the exit code.

#pragma once

#include "client/environment.h"
#include "client/plugin/plugin_arguments.h"

namespace client {

// RunPlugin returns 0 in every case that it can handle, as the original does: a CLI prints the
// whole command line of a plugin that failed, with the token in it if the CLI is old. With
// ADIT_PLUGIN_EXIT_CODE=1 it is honest instead: the remote command's own code where the machine
// tells it, 255 for a failure of ours, and 128 + n for signal n.
int RunPlugin(const PluginStart& start, const Environment& environment);

}  // namespace client
