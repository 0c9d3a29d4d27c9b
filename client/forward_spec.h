// The grammar of one forward, as `ssh -L` has it:
//
//     [BIND:]LOCAL:[HOST:]PORT        LOCAL      a port here, 0 for any free one, or /a/socket
//                                     HOST:PORT  the target as the node sees it; HOST is the
//                                                node itself ("localhost") when left out
//
// An IPv6 address stands in brackets. Three parts are LOCAL:HOST:PORT when the first one is a
// number, and BIND:LOCAL:PORT otherwise. BIND is a numeric address, "localhost" (the default: both
// loopback addresses) or "*" (every address).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace client {

struct ForwardSpec {
  std::string bind;         // Without brackets; empty for the loopback addresses.
  uint16_t local_port = 0;  // 0: the kernel picks one.
  std::string socket_path;  // Not empty: a UNIX-domain socket instead of a port.
  std::string host = "localhost";
  uint16_t port = 0;

  friend bool operator==(const ForwardSpec&, const ForwardSpec&) = default;
};

// ParseForwardSpec returns true and fills `out`, or returns false and says in `error`, for people,
// what is wrong and what to write instead.
[[nodiscard]] bool ParseForwardSpec(std::string_view text, ForwardSpec& out, std::string& error);

// NamedTwiceText says, for people, which local end two of `specs` have; else it is empty. Ends that
// only overlap, such as those of a port on all addresses and on one, are the kernel's to refuse.
std::string NamedTwiceText(const std::vector<ForwardSpec>& specs);

}  // namespace client
