// A TUN device in a network namespace of another process: what the kernel sends there is read here.

#pragma once

#include <string>

namespace path {

// OpenTun makes the device `name` in the namespace that `namespace_path` (such as /proc/PID/ns/net)
// names, and returns its descriptor, non-blocking: one packet for each read and write. The calling
// thread is in its own namespace again. Prints why and ends the program if it cannot be made.
int OpenTun(const std::string& namespace_path, const std::string& name);

}  // namespace path
