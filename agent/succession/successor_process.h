// Starting the program of this process anew.
//
//     this process                            the new one
//       fork, fork, execve  ------------->     TakePredecessor: its end of the socket, the lock
//       its end of the socket                  (a child of nobody: it outlives this process)
//
// The file that is run is the one in the place where this process's was: after an upgrade another
// one. Arguments, environment and standard descriptors are this process's own.

#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/process/owned_descriptor.h"

namespace agent {

// Predecessor is what a process gets from the one that started it to take its place.
struct Predecessor {
  Descriptor socket;  // To the older process (generation_link.h).
  Descriptor lock;    // The state folder's, which the older one shares until it ends.
};

// The variable of the environment by which it gets them.
inline constexpr const char* kPredecessorVariable = "ADIT_AGENT_PREDECESSOR";

// TakePredecessor takes what the variable says that this process was given; nothing when it was
// started as any other. Call it once, and take the variable out of the environment: what children
// are given is not for them.
std::optional<Predecessor> TakePredecessor(std::optional<std::string> variable);

// StartSuccessor starts it, and returns this process's end of the socket. `lock` is the state
// folder's. An error: there is none, and nothing has changed. That the program could not be run is
// learned from the socket, which ends.
absl::StatusOr<Descriptor> StartSuccessor(int lock);

}  // namespace agent
