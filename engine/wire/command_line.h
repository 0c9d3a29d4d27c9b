// An argument list as one line, the form in which a session's document grants a command.

#pragma once

#include <span>
#include <string>

namespace engine {

// JoinCommand returns `arguments` as one line that a POSIX shell splits into exactly them again.
// Client and relay both join, and compare the lines: equal lines are equal argument lists.
std::string JoinCommand(std::span<const std::string> arguments);

}  // namespace engine
