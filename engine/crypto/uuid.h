#pragma once

#include <cstdint>
#include <string>

namespace engine::crypto {

// NewUuid returns a random UUID (version 4, RFC 9562) in its usual form.
std::string NewUuid();

// NewTimeUuid returns one that begins with a time (version 7, RFC 9562, section 5.7) and has 74
// random bits, so that an index keeps those that are made together in one place. `unix_ms` is cut
// to 48 bits.
std::string NewTimeUuid(int64_t unix_ms);

}  // namespace engine::crypto
