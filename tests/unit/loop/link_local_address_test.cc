// Goal: no address of a cloud's metadata passes, however it was written, and others do.
// Method: addresses in each form that holds them.

#include "engine/loop/link_local_address.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

bool IsForbidden(const char* text) {
  Address address;
  EXPECT_TRUE(Address::Parse(text, 80, address)) << text;
  return IsLinkLocal(address);
}

TEST(LinkLocalAddress, LinkLocalAndMetadataAddressesAreForbidden) {
  for (const char* text :
       {"169.254.169.254", "169.254.0.0", "169.254.255.255", "fe80::1", "febf::1", "fd00:ec2::254",
        "fd00:ec2::253", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254",
        "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "169.254.170.2", "100.100.100.200",
        "::ffff:100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254", "fd00:42::42"}) {
    EXPECT_TRUE(IsForbidden(text)) << text;
  }
}

TEST(LinkLocalAddress, OthersAreNot) {
  for (const char* text : {"127.0.0.1", "169.253.255.255", "169.255.0.0", "10.0.0.1", "::1",
                           "fec0::1", "fd00:ec3::254", "::ffff:10.0.0.1", "2002:0a00:0001::1",
                           "100.100.100.201", "168.63.129.17", "fd20:cf::254"}) {
    EXPECT_FALSE(IsForbidden(text)) << text;
  }
}

}  // namespace
}  // namespace engine
