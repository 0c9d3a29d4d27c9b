#include "engine/loop/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "engine/base/check.h"

namespace engine {
namespace {

// The kernel's structures are copied in and out of the storage, never read through a cast.
template <class Raw>
Raw ReadAs(const sockaddr_storage& storage) {
  Raw raw{};
  static_assert(sizeof(Raw) <= sizeof(sockaddr_storage));
  std::memcpy(&raw, &storage, sizeof raw);
  return raw;
}

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);

std::string PathText(const sockaddr_storage& storage, socklen_t size) {
  const auto raw = ReadAs<sockaddr_un>(storage);
  if (size <= kPathOffset) return "unix:";  // An unnamed socket, as of a pair.
  std::string_view path(raw.sun_path, size - kPathOffset);
  if (path.front() == '\0') return "unix:@" + std::string(path.substr(1));
  return "unix:" + std::string(path.substr(0, path.find('\0')));
}

}  // namespace

Address Address::FromKernel(const sockaddr* raw, socklen_t size) {
  CHECK(size <= sizeof(sockaddr_storage));
  Address address;
  std::memcpy(&address.storage_, raw, size);
  address.size_ = size;
  return address;
}

bool Address::Parse(std::string_view host, uint16_t port, Address& out) {
  // inet_pton wants a terminated string, and takes no embedded zero for one.
  char text[INET6_ADDRSTRLEN];
  if (host.size() >= sizeof text || host.find('\0') != std::string_view::npos) return false;
  host.copy(text, host.size());
  text[host.size()] = '\0';

  sockaddr_in v4{};
  if (::inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out = FromKernel(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    return true;
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    out = FromKernel(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    return true;
  }
  return false;
}

bool Address::FromPath(std::string_view path, Address& out) {
  sockaddr_un raw{};
  if (path.empty() || path.size() >= sizeof raw.sun_path) return false;
  if (path.find('\0') != std::string_view::npos) return false;
  raw.sun_family = AF_UNIX;
  path.copy(raw.sun_path, path.size());
  const auto size = static_cast<socklen_t>(kPathOffset + path.size() + 1);
  out = FromKernel(reinterpret_cast<const sockaddr*>(&raw), size);
  return true;
}

bool Address::loopback() const {
  switch (family()) {
    case AF_INET:
      return ntohl(ReadAs<sockaddr_in>(storage_).sin_addr.s_addr) >> 24 == 127;
    case AF_INET6: {
      const in6_addr host = ReadAs<sockaddr_in6>(storage_).sin6_addr;
      if (IN6_IS_ADDR_V4MAPPED(&host)) return host.s6_addr[12] == 127;
      return IN6_IS_ADDR_LOOPBACK(&host);
    }
    case AF_UNIX:
      return size_ > 0;
    default:
      return false;
  }
}

uint16_t Address::port() const {
  switch (family()) {
    case AF_INET:
      return ntohs(ReadAs<sockaddr_in>(storage_).sin_port);
    case AF_INET6:
      return ntohs(ReadAs<sockaddr_in6>(storage_).sin6_port);
    default:
      return 0;
  }
}

std::string Address::HostText() const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family()) {
    case AF_INET: {
      const in_addr host = ReadAs<sockaddr_in>(storage_).sin_addr;
      return ::inet_ntop(AF_INET, &host, text, sizeof text);
    }
    case AF_INET6: {
      const in6_addr host = ReadAs<sockaddr_in6>(storage_).sin6_addr;
      return ::inet_ntop(AF_INET6, &host, text, sizeof text);
    }
    case AF_UNIX:
      return size_ > 0 ? PathText(storage_, size_) : std::string();
    default:
      return {};
  }
}

std::string Address::ToText() const {
  switch (family()) {
    case AF_INET:
      return HostText() + ":" + std::to_string(port());
    case AF_INET6:
      return "[" + HostText() + "]:" + std::to_string(port());
    default:
      return HostText();
  }
}

bool operator==(const Address& a, const Address& b) {
  if (a.size_ != b.size_ || a.family() != b.family()) return false;
  switch (a.family()) {
    case AF_INET: {
      const auto one = ReadAs<sockaddr_in>(a.storage_);
      const auto two = ReadAs<sockaddr_in>(b.storage_);
      return one.sin_port == two.sin_port && one.sin_addr.s_addr == two.sin_addr.s_addr;
    }
    case AF_INET6: {
      const auto one = ReadAs<sockaddr_in6>(a.storage_);
      const auto two = ReadAs<sockaddr_in6>(b.storage_);
      return one.sin6_port == two.sin6_port && one.sin6_scope_id == two.sin6_scope_id &&
             std::memcmp(&one.sin6_addr, &two.sin6_addr, sizeof one.sin6_addr) == 0;
    }
    default:
      return std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
  }
}

}  // namespace engine
