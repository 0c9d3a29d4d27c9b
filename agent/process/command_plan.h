// What exactly is started for a request: program, arguments, environment.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/process/run_as_user.h"
#include "agent/process/spawn.h"
#include "engine/wire/control.h"

namespace agent {

// InheritedEnvironment is what sessions may get of the agent's own environment.
using InheritedEnvironment = std::vector<std::pair<std::string, std::string>>;

// Inheritable says whether a variable of the agent may reach a session: LANG and LC_*, and PATH if
// the agent does not run as root.
bool Inheritable(std::string_view name, bool agent_is_root);

// SessionEnvironment is all that a program gets: HOME USER LOGNAME SHELL PATH LANG LC_*, TERM when
// it has a terminal, and ADIT_SESSION_ID.
std::vector<std::string> SessionEnvironment(const RunAsUser& user,
                                            const InheritedEnvironment& inherited,
                                            std::string_view session_id, std::string_view terminal);

// PlanShell starts the user's login shell on a terminal; PlanExec starts what was asked for, with
// no shell in between. Requires: the request was decoded by engine/wire.
SpawnRequest PlanShell(const engine::ShellRequest& request, const RunAsUser& user,
                       const InheritedEnvironment& inherited);
SpawnRequest PlanExec(const engine::ExecRequest& request, const RunAsUser& user,
                      const InheritedEnvironment& inherited);

}  // namespace agent
