// Members of JSON that a relay sent: whatever is there, what is asked for comes out, or nothing.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace client {

// JsonText returns a text, or an empty one.
std::string JsonText(const nlohmann::json& object, const char* name);

// JsonTime returns unix seconds, or 0.
int64_t JsonTime(const nlohmann::json& object, const char* name);

// JsonList returns an array, or an empty one.
const nlohmann::json& JsonList(const nlohmann::json& object, const char* name);

// JsonBody is an object as a request's body; what is not UTF-8 is replaced.
std::string JsonBody(const nlohmann::json& object);

// ReadJson reads an answer to `operation`. One that is no object is an error for the user.
absl::StatusOr<nlohmann::json> ReadJson(const std::string& answer, const char* operation);

// NotOurs is the error for an answer that lacks what it must have.
absl::Status NotOurs(const char* operation);

}  // namespace client
