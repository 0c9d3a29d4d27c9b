// How `adit` ends, as ssh does: the remote program's status as it is, 128 + n for a signal, and 255
// for every failure of our own.

#pragma once

#include <string_view>

#include "engine/wire/control.h"

namespace client {

inline constexpr int kOwnFailure = 255;
inline constexpr int kOutputClosedExit = 141;  // As a shell reports a program that SIGPIPE ended.
inline constexpr int kCannotStartExit = 127;   // As a shell ends when there is no such command.

// ExitCodeOf maps what the node said of the program's end to our exit code. A signal this machine
// does not know by name gives 255: no number would be honest.
int ExitCodeOf(const engine::Exit& exit);

// SignalNumber returns the number here of a signal named without SIG ("TERM"), or 0.
int SignalNumber(std::string_view name);

// SignalName returns the name without SIG of one we pass on to the node, or nothing.
std::string_view SignalName(int number);

}  // namespace client
