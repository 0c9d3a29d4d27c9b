#pragma once

#include <string>
#include <string_view>

namespace agent {

// HostName returns the machine's name up to its first dot, or "node" when it has none.
std::string HostName();

// Platform describes the machine for people: "Linux Debian GNU/Linux 12 (bookworm) x86_64".
std::string Platform();

// PrettyNameOf returns PRETTY_NAME of an os-release(5) text, unquoted, or "".
std::string PrettyNameOf(std::string_view os_release);

}  // namespace agent
