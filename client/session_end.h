// Why a session, a stream or the link of both ended, as one line for people: cause, and what to do.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/wire/frame.h"

namespace client {

// SessionEndText explains the end of a whole session on `node`. `text` is what the other side
// wrote; it is shown with its control bytes made visible.
std::string SessionEndText(engine::CloseCode code, std::string_view text, std::string_view node);

// NoProgramText explains why a session under `document` ran no program: `text` says that it allows
// a port alone. Empty: it says something else.
std::string NoProgramText(std::string_view text, std::string_view node, std::string_view document);

// UnsplitText is advice, a line of its own, for who wrote a line of the shell where a program's
// name stands: `text` says that there is no such program. Empty: it was something else.
std::string UnsplitText(std::string_view text, std::string_view node,
                        const std::vector<std::string>& arguments);

// RefusedText explains why the node did not connect to `target` (HOST:PORT).
std::string RefusedText(engine::CloseCode code, std::string_view text, std::string_view node,
                        std::string_view target);

}  // namespace client
