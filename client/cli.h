// From argv to a CommandLine, and from there to the command.

#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/client_options.h"

namespace client {

// ParseCommandLine reads the arguments after the program's name. An error says what is wrong with
// them and how to see the help.
//
// What follows NODE in `exec` is the remote's, options and all; "--" before it is welcome and
// needed only where the command itself begins with a dash.
absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> arguments);

// RunCli is the whole program; it returns the exit code.
int RunCli(int argc, char** argv);

}  // namespace client
