#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace client {

// Environment looks one variable up; an empty one counts as absent. main passes the process's own;
// tests pass a table.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// ProcessEnvironment reads getenv.
Environment ProcessEnvironment();

// UnixNow reads the system's clock, in seconds; for signing and for showing.
int64_t UnixNow();

// HomeFolder returns $HOME, or the folder of the user database, or nothing.
std::string HomeFolder(const Environment& environment);

}  // namespace client
