#pragma once

#include <string_view>

#include "engine/loop/op.h"

namespace engine {

// IoErrorOf maps an errno value to the list that every platform shares. The first time it meets a
// value that it does not know, it logs the number.
IoError IoErrorOf(int error_number);

// WasGoneBeforeAccept is true for an accept(2) that found a connection already broken: Linux hands
// on what happened to it. The listener itself is well.
bool WasGoneBeforeAccept(int error_number);

// IoErrorText returns words for people, such as "connection refused".
std::string_view IoErrorText(IoError error);

}  // namespace engine
