#include "client/port_owner.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "client/say.h"

namespace client {
namespace {

constexpr std::string_view kListenState = "0A";  // TCP_LISTEN in the kernel's table.
constexpr size_t kInodeColumn = 9;

std::vector<std::string_view> Columns(std::string_view line) {
  std::vector<std::string_view> columns;
  while (columns.size() <= kInodeColumn) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    const size_t size = std::min(line.find(' '), line.size());
    columns.push_back(line.substr(0, size));
    line.remove_prefix(size);
  }
  return columns;
}

template <class Integer>
bool ParseNumber(std::string_view text, int base, Integer& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return failure == std::errc() && end == text.data() + text.size();
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// HoldsSocket looks through one process's descriptors; another user's cannot be seen.
bool HoldsSocket(const std::filesystem::path& process, const std::vector<uint64_t>& inodes) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(process / "fd", error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    const std::string target = std::filesystem::read_symlink(entry->path(), unreadable).string();
    constexpr std::string_view kPrefix = "socket:[";
    if (unreadable || !target.starts_with(kPrefix) || !target.ends_with(']')) continue;
    uint64_t inode = 0;
    const std::string_view number =
        std::string_view(target).substr(kPrefix.size(), target.size() - kPrefix.size() - 1);
    if (ParseNumber(number, 10, inode) && std::ranges::find(inodes, inode) != inodes.end()) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<uint64_t> ListeningInodes(std::string_view proc_net_tcp, uint16_t port) {
  std::vector<uint64_t> inodes;
  while (!proc_net_tcp.empty()) {
    const size_t line_end = std::min(proc_net_tcp.find('\n'), proc_net_tcp.size());
    const std::vector<std::string_view> columns = Columns(proc_net_tcp.substr(0, line_end));
    proc_net_tcp.remove_prefix(std::min(line_end + 1, proc_net_tcp.size()));
    if (columns.size() <= kInodeColumn || columns[3] != kListenState) continue;
    const size_t colon = columns[1].rfind(':');
    uint16_t found = 0;
    uint64_t inode = 0;
    if (colon != std::string_view::npos && ParseNumber(columns[1].substr(colon + 1), 16, found) &&
        found == port && ParseNumber(columns[kInodeColumn], 10, inode)) {
      inodes.push_back(inode);
    }
  }
  return inodes;
}

std::string PortOwnerText(uint16_t port) {
  std::vector<uint64_t> inodes;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const std::vector<uint64_t> found = ListeningInodes(ReadText(table), port);
    inodes.insert(inodes.end(), found.begin(), found.end());
  }
  if (inodes.empty()) return {};
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string pid = entry->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!HoldsSocket(entry->path(), inodes)) continue;
    std::string name = ReadText(entry->path() / "comm");
    while (name.ends_with('\n')) name.pop_back();
    return Printable(name) + " (pid " + pid + ")";
  }
  return "another user's program";
}

}  // namespace client
