// Who has a local port: for the error text when we cannot have it.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace client {

// ListeningInodes returns the socket inodes that listen on `port` in the text of /proc/net/tcp or
// /proc/net/tcp6. Lines it cannot read are passed over.
std::vector<uint64_t> ListeningInodes(std::string_view proc_net_tcp, uint16_t port);

// PortOwnerText returns "postgres (pid 812)" for whoever listens on a TCP port of this machine;
// "another user's program" when the owner may not be looked at; and nothing when nobody is found.
std::string PortOwnerText(uint16_t port);

}  // namespace client
