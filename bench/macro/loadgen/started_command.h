// A command that is run to be measured.

#pragma once

#include <sys/types.h>

#include <vector>

namespace loadgen {

// StartCommand runs it in a process group of its own, with /dev/null as its input and, unless
// `output` is a descriptor, as its output. LOADGEN_VERBOSE=1 lets its standard error through.
pid_t StartCommand(const std::vector<char*>& command, int output);

// EndCommand asks the process group to end, insists after two seconds, and reaps it.
void EndCommand(pid_t pid);

}  // namespace loadgen
