#include "client/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace client {

Environment ProcessEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

int64_t UnixNow() { return static_cast<int64_t>(::time(nullptr)); }

std::string HomeFolder(const Environment& environment) {
  if (std::optional<std::string> home = environment("HOME")) return *std::move(home);
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "";
}

}  // namespace client
