// An argument list as one line, the form in which a session's document grants a command.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace engine {

// JoinCommand returns `arguments` as one line that a POSIX shell splits into exactly them again.
// Client and relay both join, and compare the lines: equal lines are equal argument lists.
std::string JoinCommand(std::span<const std::string> arguments);

// QuoteArgument returns one word of such a line.
std::string QuoteArgument(const std::string& argument);

// SplitCommand takes a line apart by the quoting rules of a POSIX shell, and by nothing else of
// one: no expansion, no operators. InvalidArgument: a quote is open, or the line ends in a
// backslash, or there is no word.
absl::StatusOr<std::vector<std::string>> SplitCommand(std::string_view line);

}  // namespace engine
