#include "engine/loop/link_local_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <span>

namespace engine {
namespace {

bool StartsWith(std::span<const uint8_t> bytes, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

bool IsForbiddenIpv4(std::span<const uint8_t> bytes) {
  return StartsWith(bytes, {169, 254}) ||  // Link-local, with nearly every cloud's service.
         StartsWith(bytes, {100, 100, 100, 200}) ||  // Alibaba Cloud
         StartsWith(bytes, {168, 63, 129, 16}) ||    // Azure
         StartsWith(bytes, {192, 0, 0, 192});        // Oracle Cloud
}

bool IsForbiddenIpv6(std::span<const uint8_t, 16> bytes) {
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) return true;  // fe80::/10
  if (StartsWith(bytes, {0xfd, 0x00, 0x0e, 0xc2})) return true;    // fd00:ec2::/32, AWS
  if (StartsWith(bytes, {0xfd, 0x20, 0x00, 0xce})) return true;    // fd20:ce::/32, Google Cloud
  if (StartsWith(bytes, {0xfd, 0x00, 0x00, 0x42})) return true;    // fd00:42::/32, Scaleway
  // ::ffff:a.b.c.d, ::a.b.c.d, and NAT64's 64:ff9b::a.b.c.d
  const bool is_compatible =
      std::all_of(bytes.begin(), bytes.begin() + 12, [](uint8_t byte) { return byte == 0; });
  const bool holds_ipv4 = is_compatible ||
                          StartsWith(bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) ||
                          StartsWith(bytes, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0});
  if (holds_ipv4) return IsForbiddenIpv4(bytes.subspan(12));
  // 6to4: 2002:a.b.c.d::
  return StartsWith(bytes, {0x20, 0x02}) && IsForbiddenIpv4(bytes.subspan(2));
}

}  // namespace

bool IsLinkLocal(const Address& address) {
  if (address.family() == AF_INET) {
    const auto* raw = reinterpret_cast<const sockaddr_in*>(address.raw());
    const auto* bytes = reinterpret_cast<const uint8_t*>(&raw->sin_addr);
    return IsForbiddenIpv4({bytes, sizeof(raw->sin_addr)});
  }
  if (address.family() == AF_INET6) {
    const auto* raw = reinterpret_cast<const sockaddr_in6*>(address.raw());
    return IsForbiddenIpv6(std::span<const uint8_t, 16>(raw->sin6_addr.s6_addr, 16));
  }
  return false;
}

}  // namespace engine
