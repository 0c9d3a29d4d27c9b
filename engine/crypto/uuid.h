#pragma once

#include <string>

namespace engine::crypto {

// NewUuid returns a random UUID (version 4, RFC 4122) in its usual form.
std::string NewUuid();

}  // namespace engine::crypto
