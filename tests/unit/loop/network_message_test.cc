// Goal: of what the kernel says, that counts which may take or give connections their way; and
// bytes that are no message count for nothing. Method: datagrams made by hand, cut at every byte.

#include "engine/platform/network_message.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cstring>
#include <string>

namespace engine {
namespace {

template <class Body>
std::string Message(uint16_t type, const Body& body, size_t attribute_bytes = 0) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof header + sizeof body + attribute_bytes);
  header.nlmsg_type = type;
  std::string bytes(NLMSG_ALIGN(header.nlmsg_len), '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
  return bytes;
}
std::string AddressMessage(uint16_t type, uint8_t scope = RT_SCOPE_UNIVERSE, uint8_t flags = 0) {
  ifaddrmsg body{};
  body.ifa_scope = scope;
  body.ifa_flags = flags;
  return Message(type, body, 5);
}
std::string RouteMessage(uint16_t type, uint8_t kind = RTN_UNICAST, unsigned flags = 0) {
  rtmsg body{};
  body.rtm_type = kind;
  body.rtm_flags = flags;
  return Message(type, body);
}
std::string LinkMessage(uint16_t type, unsigned flags) {
  ifinfomsg body{};
  body.ifi_flags = flags;
  return Message(type, body);
}

// Says is "" (nothing), "change" or "gain".
std::string Says(const std::string& datagram) {
  const NetworkMessage message = ReadNetworkMessage(AsBytes(datagram));
  if (!message.is_change) return message.is_gain ? "gain without change" : "";
  return message.is_gain ? "gain" : "change";
}

TEST(NetworkMessage, AnAddressComesAndGoes) {
  EXPECT_EQ(Says(AddressMessage(RTM_NEWADDR)), "gain");
  EXPECT_EQ(Says(AddressMessage(RTM_DELADDR)), "change");
  EXPECT_EQ(Says(AddressMessage(RTM_NEWADDR, RT_SCOPE_HOST)), "") << "of this machine alone";
  EXPECT_EQ(Says(AddressMessage(RTM_NEWADDR, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE)), "");
}

TEST(NetworkMessage, ARouteComesAndGoes) {
  EXPECT_EQ(Says(RouteMessage(RTM_NEWROUTE)), "gain");
  EXPECT_EQ(Says(RouteMessage(RTM_DELROUTE)), "change");
  EXPECT_EQ(Says(RouteMessage(RTM_NEWROUTE, RTN_MULTICAST)), "");
  EXPECT_EQ(Says(RouteMessage(RTM_NEWROUTE, RTN_UNICAST, RTM_F_CLONED)), "");
}

TEST(NetworkMessage, AnInterfaceRuns) {
  EXPECT_EQ(Says(LinkMessage(RTM_NEWLINK, IFF_UP | IFF_RUNNING)), "gain");
  EXPECT_EQ(Says(LinkMessage(RTM_NEWLINK, IFF_UP)), "") << "its cable is out";
  EXPECT_EQ(Says(LinkMessage(RTM_NEWLINK, IFF_UP | IFF_RUNNING | IFF_LOOPBACK)), "");
  EXPECT_EQ(Says(LinkMessage(RTM_DELLINK, IFF_UP | IFF_RUNNING)), "");
}

TEST(NetworkMessage, OneThatCountsAmongOthersIsFound) {
  const std::string dull = LinkMessage(RTM_NEWLINK, 0);
  EXPECT_EQ(Says(dull + AddressMessage(RTM_DELADDR) + dull), "change");
  EXPECT_EQ(Says(AddressMessage(RTM_DELADDR) + RouteMessage(RTM_NEWROUTE)), "gain");
  EXPECT_EQ(Says(dull + dull), "");
}

TEST(NetworkMessage, WhatIsCutOffCountsForNothing) {
  const std::string whole = AddressMessage(RTM_NEWADDR);
  for (size_t size = 0; size < sizeof(nlmsghdr) + sizeof(ifaddrmsg); ++size) {
    EXPECT_EQ(Says(whole.substr(0, size)), "") << size;
  }
  std::string lies = whole;
  const uint32_t sizes[] = {0, 1, sizeof(nlmsghdr) - 1, 100'000, UINT32_MAX};
  for (const uint32_t size : sizes) {
    std::memcpy(lies.data(), &size, sizeof size);
    EXPECT_EQ(Says(lies + whole), "") << size;
  }
}

}  // namespace
}  // namespace engine
