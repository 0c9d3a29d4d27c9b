#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

// Address is one numeric IPv4, IPv6 or UNIX-domain address, ready for the kernel. It never
// resolves a name: that blocks, and belongs to engine/net/resolver.h.
class Address {
 public:
  Address() = default;

  // FromKernel wraps what getsockname, accept or getaddrinfo gave.
  // Requires: size <= sizeof(sockaddr_storage).
  static Address FromKernel(const sockaddr* raw, socklen_t size);

  // Parse reads "192.0.2.1" or "2001:db8::1" (no brackets, no port). False: not numeric.
  [[nodiscard]] static bool Parse(std::string_view host, uint16_t port, Address& out);

  // FromPath names a UNIX-domain socket in the file system. False: empty, or too long.
  [[nodiscard]] static bool FromPath(std::string_view path, Address& out);

  // True until the address was parsed or given by the kernel.
  bool empty() const { return size_ == 0; }

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t raw_size() const { return size_; }
  int family() const { return storage_.ss_family; }
  bool loopback() const;

  // Port is 0 for a UNIX-domain address.
  uint16_t port() const;

  // HostText returns the numeric host; ToText returns host:port, with IPv6 hosts in brackets.
  std::string HostText() const;
  std::string ToText() const;

  // Equal when family, host, port, scope and path are the same.
  friend bool operator==(const Address& a, const Address& b);

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace engine
