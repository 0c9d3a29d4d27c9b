// How a command ends: what it has to say goes to stdout, why it failed to stderr.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace client {

// Print writes `text` to stdout and returns the exit code. A reader that went away is no message.
int Print(std::string_view text);

// Fail says the status's text and returns the exit code of a failure.
int Fail(const absl::Status& status);

// JsonLine is one object in one line, with its line feed.
std::string JsonLine(const nlohmann::ordered_json& json);

}  // namespace client
