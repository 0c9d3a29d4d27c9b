#include "client/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
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

absl::StatusOr<std::chrono::seconds> PatienceFrom(const Environment& environment) {
  constexpr std::chrono::seconds kDefault = std::chrono::hours(24);
  const std::optional<std::string> text = environment("ADIT_PATIENCE");
  if (!text.has_value()) return kDefault;
  uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size()) {
    return absl::InvalidArgumentError(
        "ADIT_PATIENCE is not a number of seconds: how long a session may be without a connection; "
        "unset it for a day");
  }
  return std::chrono::seconds(seconds);
}

int64_t UnixNow() { return static_cast<int64_t>(::time(nullptr)); }

std::string HomeFolder(const Environment& environment) {
  if (std::optional<std::string> home = environment("HOME")) return *std::move(home);
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "";
}

}  // namespace client
