// What STS answers: XML, of which a few elements are wanted.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/credentials.h"

namespace client {

// Identity is who a key is, as GetCallerIdentity says.
struct Identity {
  std::string arn;
  std::string user_id;
  std::string account;
};
std::optional<Identity> ReadIdentity(std::string_view xml);

// SessionCredentials are temporary ones.
struct SessionCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  int64_t expires = 0;  // Unix seconds.
};
std::optional<SessionCredentials> ReadSessionCredentials(std::string_view xml);

}  // namespace client
