// Starting a session's program.
//
//     Spawn                                  child
//       prepares everything   --- fork --->    setsid, terminal, descriptors, user, home
//       returns at once                        execve
//       status pipe           <--- end ------  (closed by execve: it runs)
//                             <--- 8 bytes --  (the step that failed, and errno)
//
// All that may allocate, lock or look something up is done before fork; the child makes system
// calls only. It inherits nothing but standard input, output and error.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/process/owned_descriptor.h"
#include "agent/process/run_as_user.h"
#include "engine/base/bytes.h"
#include "engine/wire/control.h"

namespace agent {

struct SpawnRequest {
  RunAsUser user;
  // The program: a path when it has a slash (from the user's home), else looked for in the PATH of
  // `environment`.
  std::string program;
  std::vector<std::string> arguments;    // argv, argv[0] included; not empty.
  std::vector<std::string> environment;  // "NAME=value"; there is no other.
  // A terminal of this size as all three of the child's descriptors, and as its controlling
  // terminal; three pipes when there is none.
  std::optional<engine::TerminalSize> terminal;
  // What is typed into the terminal before anything else, as its user might.
  std::string typed;
};

// Spawned is a child that was forked. Its pid is also the id of its process group and session. The
// caller waits for it, always.
struct Spawned {
  pid_t pid = 0;
  Descriptor status;  // To read: nothing and the end, or what SpawnFailureText explains.
  // Our ends, in the non-blocking mode. With a terminal, `input` is its master, both ways, and the
  // others are not valid.
  Descriptor input;
  Descriptor output;
  Descriptor error;
};

// The size of what the status pipe carries when the program could not be started.
inline constexpr size_t kSpawnFailureSize = 2 * sizeof(int32_t);

// Spawn forks. An error's text is for the session's user; kResourceExhausted says that the node is
// out of processes, descriptors or terminals. Requires: arguments are not empty.
absl::StatusOr<Spawned> Spawn(const SpawnRequest& request);

// SpawnFailureText explains what the status pipe carried.
std::string SpawnFailureText(engine::ByteView status, const SpawnRequest& request);

// RaiseOwnDescriptorLimit lets this process have as many descriptors as it is allowed to. Children
// get the limit as it was before: programs that use select() break beyond 1024. Call it once,
// early.
void RaiseOwnDescriptorLimit();

// Of a child between fork and execve; async-signal-safe. LowerDescriptorLimit gives it the limit as
// it was before RaiseOwnDescriptorLimit. CloseOnExecFrom marks `first` and all above it.
void LowerDescriptorLimit();
void CloseOnExecFrom(int first);

}  // namespace agent
