// What the program does for each command. Each returns the exit code, and writes for people.

#pragma once

#include <optional>
#include <string>

#include "agent/agent_config.h"
#include "agent/succession/successor_process.h"

namespace agent {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// RunEnroll reads the invitation from `input`, a descriptor, and writes the node's state.
int RunEnroll(const AgentConfig& config, int input);

// RunFingerprint prints the fingerprint of the node's identity, alone on its line.
int RunFingerprint(const AgentConfig& config);

// RunAgent stays until a signal. `predecessor` is whose place it takes, if anyone's. Requires:
// SIGCHLD, SIGTERM, SIGINT and SIGUSR2 are blocked.
int RunAgent(const AgentConfig& config, const InheritedEnvironment& inherited,
             const Environment& environment, std::optional<Predecessor> predecessor);

}  // namespace agent
