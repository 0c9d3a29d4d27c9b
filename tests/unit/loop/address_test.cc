// Goal: addresses are read and shown without surprises, and never resolve a name.
// Method: tables of texts, there and back.

#include "engine/loop/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

namespace engine {
namespace {

Address Parsed(std::string_view host, uint16_t port) {
  Address address;
  EXPECT_TRUE(Address::Parse(host, port, address)) << host;
  return address;
}

TEST(AddressTest, NumericHostsAreShownAsTheyWereRead) {
  EXPECT_EQ(Parsed("192.0.2.1", 443).ToText(), "192.0.2.1:443");
  EXPECT_EQ(Parsed("2001:db8::1", 443).ToText(), "[2001:db8::1]:443");
  EXPECT_EQ(Parsed("2001:db8::1", 443).HostText(), "2001:db8::1");
  EXPECT_EQ(Parsed("0.0.0.0", 0).port(), 0);
  EXPECT_EQ(Parsed("::", 65535).port(), 65535);
}

TEST(AddressTest, WhatIsNotNumericIsRefused) {
  Address address;
  for (const std::string_view host :
       {"", "localhost", "192.0.2", "192.0.2.256", "[::1]", "1.2.3.4:5", " 1.2.3.4", "fe80::1%eth0",
        "::g", "0x7f.1", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23"}) {
    EXPECT_FALSE(Address::Parse(host, 1, address)) << host;
  }
  EXPECT_FALSE(Address::Parse(std::string_view("1.2.3.4\0x", 9), 1, address));
  EXPECT_TRUE(address.empty());
}

TEST(AddressTest, LoopbackIsKnownInEveryFamily) {
  EXPECT_TRUE(Parsed("127.0.0.1", 1).loopback());
  EXPECT_TRUE(Parsed("127.9.9.9", 1).loopback());
  EXPECT_TRUE(Parsed("::1", 1).loopback());
  EXPECT_TRUE(Parsed("::ffff:127.0.0.1", 1).loopback());
  EXPECT_FALSE(Parsed("128.0.0.1", 1).loopback());
  EXPECT_FALSE(Parsed("::2", 1).loopback());
  EXPECT_FALSE(Parsed("::ffff:10.0.0.1", 1).loopback());
  EXPECT_FALSE(Address().loopback());
}

TEST(AddressTest, EqualMeansSameFamilyHostAndPort) {
  EXPECT_EQ(Parsed("10.0.0.1", 1), Parsed("10.0.0.1", 1));
  EXPECT_FALSE(Parsed("10.0.0.1", 1) == Parsed("10.0.0.1", 2));
  EXPECT_FALSE(Parsed("10.0.0.1", 1) == Parsed("10.0.0.2", 1));
  EXPECT_FALSE(Parsed("10.0.0.1", 1) == Parsed("::ffff:10.0.0.1", 1));
  EXPECT_EQ(Parsed("::1", 5), Parsed("0:0::1", 5));
  EXPECT_EQ(Address(), Address());
}

TEST(AddressTest, PathsHaveALimit) {
  Address address;
  ASSERT_TRUE(Address::FromPath("/run/adit.sock", address));
  EXPECT_EQ(address.family(), AF_UNIX);
  EXPECT_EQ(address.ToText(), "unix:/run/adit.sock");
  EXPECT_EQ(address.port(), 0);
  EXPECT_TRUE(address.loopback());
  EXPECT_TRUE(Address::FromPath(std::string(107, 'x'), address));
  EXPECT_FALSE(Address::FromPath(std::string(108, 'x'), address));
  EXPECT_FALSE(Address::FromPath("", address));
  EXPECT_FALSE(Address::FromPath(std::string_view("a\0b", 3), address));
}

TEST(AddressTest, WhatTheKernelGivesIsKept) {
  sockaddr_in raw{};
  raw.sin_family = AF_INET;
  raw.sin_port = htons(80);
  raw.sin_addr.s_addr = htonl(0xC0000201);
  const Address address = Address::FromKernel(reinterpret_cast<sockaddr*>(&raw), sizeof raw);
  EXPECT_EQ(address, Parsed("192.0.2.1", 80));
  EXPECT_EQ(address.raw_size(), sizeof raw);
  EXPECT_EQ(std::memcmp(address.raw(), &raw, sizeof raw), 0);
}

TEST(AddressTest, UnnamedAndAbstractSocketsHaveAText) {
  sockaddr_storage raw{};
  raw.ss_family = AF_UNIX;
  auto* bytes = reinterpret_cast<char*>(&raw);
  bytes[3] = 'a';
  const auto* generic = reinterpret_cast<sockaddr*>(&raw);
  EXPECT_EQ(Address::FromKernel(generic, 2).ToText(), "unix:");
  EXPECT_EQ(Address::FromKernel(generic, 4).ToText(), "unix:@a");
}

}  // namespace
}  // namespace engine
