// Names and secrets that the relay makes up. All are random; none tells anything about another.

#pragma once

#include <string>
#include <string_view>

namespace relay {

// NewNodeId returns `mi-` and 17 hexadecimal digits.
std::string NewNodeId();
bool IsNodeId(std::string_view text);

// NewSessionId returns `<user>-<26 lower-case base32 digits>`, at most 96 characters. Characters of
// the user's name that a session id cannot have become `-`.
std::string NewSessionId(std::string_view user_name);

// NewToken returns 32 random bytes in base64url: what proves a right until it is used.
std::string NewToken();

// NewAccessKeyId returns `AKIA` and 16 characters, NewAccessKeySecret 40 characters.
std::string NewAccessKeyId();
std::string NewAccessKeySecret();

// NewIamId returns `prefix` and 17 characters: AIDA for a user, AGPA a group, AROA a role, ANPA a
// policy, ASIA a temporary access key.
std::string NewIamId(std::string_view prefix);

}  // namespace relay
