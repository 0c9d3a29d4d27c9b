#include "agent/host_facts.h"

#include <sys/utsname.h>

#include <fstream>
#include <iterator>

namespace agent {
namespace {

constexpr size_t kPrettyNameSizeMax = 100;

}  // namespace

std::string HostName() {
  utsname names{};
  if (::uname(&names) != 0) return "node";
  std::string name(names.nodename);
  name = name.substr(0, name.find('.'));
  return name.empty() ? "node" : name;
}

std::string PrettyNameOf(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  while (!os_release.empty()) {
    const size_t end = os_release.find('\n');
    std::string_view line = os_release.substr(0, end);
    os_release = end == std::string_view::npos ? "" : os_release.substr(end + 1);
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    std::string value;
    for (char c : line) {
      if (c != '"' && c != '\'' && c != '\\' && c >= ' ') value += c;
    }
    return value.substr(0, kPrettyNameSizeMax);
  }
  return "";
}

std::string Platform() {
  utsname names{};
  if (::uname(&names) != 0) return "Linux";
  std::ifstream file("/etc/os-release");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string pretty = PrettyNameOf(text);
  std::string platform(names.sysname);
  if (!pretty.empty()) platform += " " + pretty;
  return platform + " " + names.machine;
}

}  // namespace agent
