#include "engine/wire/host_port.h"

#include <algorithm>

namespace engine {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

// IsAddressCharacter covers IPv6 with an embedded IPv4 part and a zone ("fe80::1%eth0").
bool IsAddressCharacter(char c) { return IsNameCharacter(c) || c == ':' || c == '%'; }

// Quoted shows foreign text in an error: bounded, and without bytes that drive a terminal.
std::string Quoted(std::string_view text) {
  constexpr size_t kShownMax = 80;
  std::string out = "\"";
  for (char c : text.substr(0, kShownMax)) out += c >= 0x20 && c < 0x7F ? c : '?';
  out += text.size() > kShownMax ? "...\"" : "\"";
  return out;
}

absl::Status Wrong(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(Quoted(text) + " is not HOST:PORT: " + std::string(why));
}

}  // namespace

std::optional<uint16_t> ParsePort(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  uint32_t port = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port < 1 || port > 65'535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text,
                                       std::optional<uint16_t> default_port) {
  std::string_view host = text;
  std::string_view rest;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos)
      return Wrong(text, "the bracket is not closed; write [ADDRESS]:PORT");
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (host.find(':') == std::string_view::npos ||
        !std::all_of(host.begin(), host.end(), IsAddressCharacter))
      return Wrong(text, "brackets are for IPv6 addresses; write HOST:PORT for a name");
  } else {
    const size_t colon = text.find(':');
    host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
    if (rest.find(':', 1) != std::string_view::npos)
      return Wrong(text, "more than one colon; write an IPv6 address as [ADDRESS]:PORT");
    if (!std::all_of(host.begin(), host.end(), IsNameCharacter))
      return Wrong(text, "the host has a character that no host name has");
  }
  if (host.empty()) return Wrong(text, "the host is missing");
  if (host.size() > kHostSizeMax) return Wrong(text, "the host is longer than 253 characters");

  HostPort out{.host = std::string(host)};
  if (rest.empty()) {
    if (!default_port.has_value()) return Wrong(text, "the port is missing; add :PORT");
    out.port = *default_port;
    return out;
  }
  const std::optional<uint16_t> port =
      rest.starts_with(':') ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port.has_value()) return Wrong(text, "the port is a number from 1 to 65535");
  out.port = *port;
  return out;
}

std::string FormatHostPort(const HostPort& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace engine
