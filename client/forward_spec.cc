#include "client/forward_spec.h"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "client/say.h"
#include "engine/loop/address.h"
#include "engine/wire/host_port.h"

namespace client {
namespace {

constexpr size_t kPartsMax = 4;
constexpr size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;

struct Parts {
  std::array<std::string_view, kPartsMax> text;
  std::array<bool, kPartsMax> bracketed{};
  size_t count = 0;
};

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Split cuts at the colons outside brackets.
bool Split(std::string_view text, Parts& parts, std::string& error) {
  while (true) {
    if (parts.count == kPartsMax) {
      error = "has more than four parts; an IPv6 address goes into brackets: [::1]";
      return false;
    }
    std::string_view part;
    const bool bracketed = text.starts_with('[');
    if (bracketed) {
      const size_t end = text.find(']');
      if (end == std::string_view::npos) {
        error = "has a '[' without its ']'";
        return false;
      }
      part = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
      if (!text.empty() && text.front() != ':') {
        error = "has text between ']' and ':'";
        return false;
      }
    } else {
      part = text.substr(0, text.find(':'));
      text.remove_prefix(part.size());
    }
    parts.text[parts.count] = part;
    parts.bracketed[parts.count] = bracketed;
    ++parts.count;
    if (text.empty()) return true;
    text.remove_prefix(1);
  }
}

bool ParsePort(std::string_view text, uint16_t min, std::string_view what, uint16_t& out,
               std::string& error) {
  uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (IsNumber(text) && failure == std::errc() && value >= min && value <= 65535) {
    out = static_cast<uint16_t>(value);
    return true;
  }
  error = std::string(what) + " '" + Printable(text) + "' is not a port number from " +
          std::to_string(min) + " to 65535";
  return false;
}

bool ParseBind(std::string_view text, bool bracketed, ForwardSpec& spec, std::string& error) {
  if (text == "localhost" && !bracketed) return true;
  engine::Address address;
  const bool numeric = engine::Address::Parse(text, 0, address);
  if ((text == "*" && !bracketed) || (numeric && bracketed == (address.family() == AF_INET6))) {
    spec.bind = text;
    return true;
  }
  error = text.empty() ? "has an empty bind address; write '*' to listen on every address"
                       : "bind address '" + Printable(text) +
                             "' is not a numeric address of this machine, 'localhost' or '*'";
  return false;
}

bool ParseHost(std::string_view text, bool bracketed, ForwardSpec& spec, std::string& error) {
  engine::Address address;
  if (bracketed) {
    if (engine::Address::Parse(text, 0, address) && address.family() == AF_INET6) {
      spec.host = text;
      return true;
    }
    error = "'[" + Printable(text) + "]' is not an IPv6 address";
    return false;
  }
  // Names as resolvers take them. Underscores are no legal host names, and in use everywhere.
  constexpr std::string_view kLegal =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  if (text.empty() || text.size() > engine::kHostSizeMax ||
      text.find_first_not_of(kLegal) != std::string_view::npos || text.front() == '-') {
    error =
        text.empty() ? "has an empty host name" : "'" + Printable(text) + "' is not a host name";
    return false;
  }
  spec.host = text;
  return true;
}

bool ParseLocal(std::string_view text, bool bracketed, ForwardSpec& spec, std::string& error) {
  if (!bracketed && text.starts_with('/')) {
    if (text.size() > kSocketPathMax || text.find('\0') != std::string_view::npos) {
      error = "the socket path is longer than " + std::to_string(kSocketPathMax) + " bytes";
      return false;
    }
    spec.socket_path = text;
    return true;
  }
  return ParsePort(bracketed ? std::string_view("[]") : text, 0, "local port", spec.local_port,
                   error);
}

bool ParseParts(const Parts& parts, ForwardSpec& spec, std::string& error) {
  if (parts.count < 2) {
    std::string port = "5432";
    if (uint16_t value = 0; IsNumber(parts.text[0])) {
      if (!ParsePort(parts.text[0], 1, "port", value, error)) return false;
      port = parts.text[0];
    }
    error = "needs at least LOCAL:PORT, for instance " + port + ":" + port;
    return false;
  }
  const size_t last = parts.count - 1;
  const bool local_first =
      parts.count == 2 || (parts.count == 3 && !parts.bracketed[0] &&
                           (IsNumber(parts.text[0]) || parts.text[0].starts_with('/')));
  const size_t local = local_first ? 0 : 1;
  if (local == 1) {
    if (!ParseBind(parts.text[0], parts.bracketed[0], spec, error)) return false;
    if (parts.text[1].starts_with('/')) {
      error = "has a bind address before a socket path; a socket has no address";
      return false;
    }
  }
  if (!ParseLocal(parts.text[local], parts.bracketed[local], spec, error)) return false;
  if (local + 1 < last &&
      !ParseHost(parts.text[local + 1], parts.bracketed[local + 1], spec, error)) {
    return false;
  }
  return ParsePort(parts.bracketed[last] ? std::string_view("[]") : parts.text[last], 1,
                   "target port", spec.port, error);
}

}  // namespace

bool ParseForwardSpec(std::string_view text, ForwardSpec& out, std::string& error) {
  Parts parts;
  ForwardSpec spec;
  std::string reason;
  if (Split(text, parts, reason) && ParseParts(parts, spec, reason)) {
    out = std::move(spec);
    return true;
  }
  error = "forward '" + Printable(text) + "': " + reason;
  return false;
}

std::string NamedTwiceText(const std::vector<ForwardSpec>& specs) {
  for (auto spec = specs.begin(); spec != specs.end(); ++spec) {
    const bool is_twice = std::any_of(specs.begin(), spec, [&](const ForwardSpec& other) {
      return other.bind == spec->bind && other.local_port == spec->local_port &&
             other.socket_path == spec->socket_path;
    });
    if (!is_twice) continue;
    if (!spec->socket_path.empty()) {
      return "two forwards have the local socket " + Printable(spec->socket_path) +
             "; give each one of its own";
    }
    if (spec->local_port == 0) continue;
    return "two forwards have the local port " + std::to_string(spec->local_port) +
           "; give each one of its own, or 0 for any free one";
  }
  return {};
}

}  // namespace client
