// Which key signs our calls. The first that is there, in this order:
//
//     1. --profile NAME                              that profile of the AWS files
//     2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY    with AWS_SESSION_TOKEN, if set
//     3. AWS_PROFILE                                 that profile of the AWS files
//     4. config.json                                 what `adit login` wrote
//     5. the profile "default" of the AWS files
//
// A profile may have a role_arn: then the key is that of its source_profile, and the role is what
// it is wanted for. A profile that names itself as its source has a key of its own.
//
// A secret is never taken from the command line, where every process could read it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/client_config.h"
#include "client/environment.h"

namespace client {

// RoleWish is a role that is to be assumed before anything else is asked.
struct RoleWish {
  std::string role_arn;
  std::string session_name;  // Empty: one is made up.
  std::string external_id;
  std::string mfa_serial;        // Empty: no code is asked for.
  int64_t duration_seconds = 0;  // 0: the relay's own choice.
};

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Empty for a long-lived key.
  std::string source;         // For people: where the key was found.
  std::optional<RoleWish> role;
};

// FindCredentials returns the first of the list above, or says what is missing and how to get it.
// A source that is named on purpose (1 to 3) and lacks its key is an error, never passed over.
absl::StatusOr<Credentials> FindCredentials(const Environment& environment,
                                            const std::string& profile_flag,
                                            const ClientConfig& config);

}  // namespace client
