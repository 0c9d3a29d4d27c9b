#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace client {

// Environment looks one variable up; an empty one counts as absent. main passes the process's own;
// tests pass a table.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// ProcessEnvironment reads getenv.
Environment ProcessEnvironment();

// PatienceFrom returns how long a session may be without any connection, from ADIT_PATIENCE,
// in seconds: a day unless it says otherwise, and zero when a lost connection is to end it. An
// error is for the user.
absl::StatusOr<std::chrono::seconds> PatienceFrom(const Environment& environment);

// UnixNow reads the system's clock, in seconds; for signing and for showing.
int64_t UnixNow();

// HomeFolder returns $HOME, or the folder of the user database, or nothing.
std::string HomeFolder(const Environment& environment);

}  // namespace client
