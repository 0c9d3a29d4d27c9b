#pragma once

#include <string>

#include "client/api_client.h"

namespace client {

// AddUserDevice gives a user a device that shows codes, and returns the exit code. Its secret is
// shown on the terminal alone.
int AddUserDevice(ApiClient& api, const std::string& user);

}  // namespace client
