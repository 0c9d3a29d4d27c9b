// Which key signs our calls. The first that is there, in this order:
//
//     1. --profile NAME                              that profile of the AWS files
//     2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY    with AWS_SESSION_TOKEN, if set
//     3. AWS_PROFILE                                 that profile of the AWS files
//     4. config.json                                 what `adit login` wrote
//     5. the profile "default" of the AWS files
//
// A secret is never taken from the command line, where every process could read it.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/client_config.h"
#include "client/environment.h"

namespace client {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Empty for a long-lived key.
  std::string source;         // For people: where the key was found.
};

// FindCredentials returns the first of the list above, or says what is missing and how to get it.
// A source that is named on purpose (1 to 3) and lacks its key is an error, never passed over.
absl::StatusOr<Credentials> FindCredentials(const Environment& environment,
                                            const std::string& profile_flag,
                                            const ClientConfig& config);

}  // namespace client
