// From a key to the role that its profile wants: assumed once, and kept until it ends, so that a
// code is not asked for by every command.
//
//     file   role-XXXXXXXXXXXXXXXX.json in the configuration folder, mode 0600

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "client/credentials.h"

namespace client {

class RoleSession {
 public:
  // A kept session is used while it lasts this much longer: a command has to get somewhere with it.
  static constexpr int64_t kSpareSeconds = 60;

  // AskForCode returns what the user's device shows, or why it cannot be asked for.
  using AskForCode = std::function<absl::StatusOr<std::string>(const std::string& mfa_serial)>;

  // `folder` is the configuration folder; empty: nothing is kept. `relay` is HOST:PORT.
  RoleSession(std::string folder, std::string relay, AskForCode ask);

  // Enter makes `api` go on as the role that its credentials wish for, if they wish for one.
  absl::Status Enter(ApiClient& api, int64_t now) const;

 private:
  std::string PathOf(const Credentials& credentials) const;

  std::string folder_;
  std::string relay_;
  AskForCode ask_;
};

// AskTerminalForCode asks on the controlling terminal, whatever standard input is.
absl::StatusOr<std::string> AskTerminalForCode(const std::string& mfa_serial);

}  // namespace client
