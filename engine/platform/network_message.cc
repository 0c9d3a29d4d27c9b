#include "engine/platform/network_message.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cstring>

namespace engine {
namespace {

// ReadPart copies a structure from the beginning of `bytes`. False: they are too few.
template <class Part>
bool ReadPart(ByteView bytes, Part& out) {
  if (bytes.size() < sizeof out) return false;
  std::memcpy(&out, bytes.data(), sizeof out);
  return true;
}

// An address of this machine alone leads nowhere, and one that is still being checked for
// duplicates comes again when it may be used.
bool IsUsable(const ifaddrmsg& address) {
  return address.ifa_scope < RT_SCOPE_HOST && (address.ifa_flags & IFA_F_TENTATIVE) == 0;
}

// Routes to local, broadcast and multicast addresses come with the addresses.
bool LeadsAway(const rtmsg& route) {
  return route.rtm_type == RTN_UNICAST && (route.rtm_flags & RTM_F_CLONED) == 0;
}

bool IsRunning(const ifinfomsg& interface) {
  constexpr unsigned kWanted = IFF_UP | IFF_RUNNING;
  return (interface.ifi_flags & IFF_LOOPBACK) == 0 && (interface.ifi_flags & kWanted) == kWanted;
}

NetworkMessage ReadOne(uint16_t type, ByteView body) {
  ifaddrmsg address;
  rtmsg route;
  ifinfomsg interface;
  switch (type) {
    case NLMSG_OVERRUN:
      return {.is_change = true, .is_gain = true};
    case RTM_NEWADDR:
    case RTM_DELADDR:
      if (!ReadPart(body, address) || !IsUsable(address)) return {};
      return {.is_change = true, .is_gain = type == RTM_NEWADDR};
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (!ReadPart(body, route) || !LeadsAway(route)) return {};
      return {.is_change = true, .is_gain = type == RTM_NEWROUTE};
    case RTM_NEWLINK:
      if (!ReadPart(body, interface) || !IsRunning(interface)) return {};
      return {.is_change = true, .is_gain = true};
    default:
      return {};
  }
}

}  // namespace

NetworkMessage ReadNetworkMessage(ByteView datagram) {
  NetworkMessage all;
  nlmsghdr header;
  while (ReadPart(datagram, header)) {
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    const ByteView message = datagram.first(header.nlmsg_len);
    const NetworkMessage one = ReadOne(header.nlmsg_type, message.subspan(sizeof header));
    all.is_change = all.is_change || one.is_change;
    all.is_gain = all.is_gain || one.is_gain;
    const size_t padded = (message.size() + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
    if (padded >= datagram.size()) break;
    datagram = datagram.subspan(padded);
  }
  return all;
}

}  // namespace engine
