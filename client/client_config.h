// What `adit login` writes and every other command reads: which relay, its CA, and a key for it.
//
//     folder   $ADIT_CONFIG_DIR, else $XDG_CONFIG_HOME/adit, else ~/.config/adit   (mode 0700)
//     file     config.json                                                         (mode 0600)
//
// ADIT_RELAY (HOST:PORT) and ADIT_CA (a PEM file) override what the file says; flags override both.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/environment.h"

namespace client {

inline constexpr uint16_t kRelayPort = 443;  // When HOST stands alone.

struct ClientConfig {
  std::string relay;          // HOST:PORT; empty when nothing names one.
  std::string ca_pem;         // The relay's CA; empty: the one it was logged in with is unknown.
  std::string access_key_id;  // Empty: the file holds no key.
  std::string secret_access_key;  // Never printed.
};

// ConfigFolder returns the folder, or "" when there is neither a variable nor a home.
std::string ConfigFolder(const Environment& environment);

// LoadConfig returns what the file says, with the variables and then the flags (where not empty)
// on top. A file that does not exist is an empty one. An error names the file, what is wrong with
// it, and what to do; a file with a secret that others may read is refused.
struct ConfigFlags {
  std::string relay;
  std::string ca_file;
};
absl::StatusOr<ClientConfig> LoadConfig(const Environment& environment, const ConfigFlags& flags);

// SaveConfig replaces the file in one step, creating the folder. Returns the file's name.
absl::StatusOr<std::string> SaveConfig(const Environment& environment, const ClientConfig& config);

}  // namespace client
