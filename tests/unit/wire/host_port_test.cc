// Goal: addresses as people write them are read, and mistakes are named.
// Method: tables of right and wrong texts, and format after parse.

#include "engine/wire/host_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace engine {
namespace {

std::string ErrorOf(std::string_view text, std::optional<uint16_t> default_port = std::nullopt) {
  const auto parsed = ParseHostPort(text, default_port);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

TEST(HostPort, ReadsNamesAndAddresses) {
  EXPECT_EQ(*ParseHostPort("relay.example:443"), (HostPort{"relay.example", 443}));
  EXPECT_EQ(*ParseHostPort("127.0.0.1:1"), (HostPort{"127.0.0.1", 1}));
  EXPECT_EQ(*ParseHostPort("[::1]:65535"), (HostPort{"::1", 65'535}));
  EXPECT_EQ(*ParseHostPort("[fe80::1%eth0]:22"), (HostPort{"fe80::1%eth0", 22}));
  EXPECT_EQ(*ParseHostPort("relay", 443), (HostPort{"relay", 443}));
  EXPECT_EQ(*ParseHostPort("[::1]", 443), (HostPort{"::1", 443}));
  EXPECT_EQ(*ParseHostPort("relay:8443", 443), (HostPort{"relay", 8443}));
}

TEST(HostPort, NamesWhatIsWrong) {
  using testing::HasSubstr;
  EXPECT_THAT(ErrorOf("relay"), HasSubstr("port is missing"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("host is missing"));
  EXPECT_THAT(ErrorOf(":443"), HasSubstr("host is missing"));
  EXPECT_THAT(ErrorOf("::1"), HasSubstr("[ADDRESS]:PORT"));
  EXPECT_THAT(ErrorOf("::1", 443), HasSubstr("[ADDRESS]:PORT"));
  EXPECT_THAT(ErrorOf("[::1:443"), HasSubstr("not closed"));
  EXPECT_THAT(ErrorOf("[relay]:443"), HasSubstr("brackets are for IPv6"));
  EXPECT_THAT(ErrorOf("[]:443"), HasSubstr("brackets are for IPv6"));
  EXPECT_THAT(ErrorOf("[::1]443"), HasSubstr("1 to 65535"));
  for (const char* text : {"a:", "a:0", "a:65536", "a:99999999999", "a:+1", "a:1x", "a: 1"})
    EXPECT_THAT(ErrorOf(text, 443), HasSubstr("1 to 65535")) << text;
  EXPECT_THAT(ErrorOf("https://relay:443"), HasSubstr("more than one colon"));
  EXPECT_THAT(ErrorOf("a b:443"), HasSubstr("character"));
  EXPECT_THAT(ErrorOf(std::string(254, 'a') + ":1"), HasSubstr("longer than 253"));
}

TEST(HostPort, ErrorsShowForeignTextHarmlesslyAndShort) {
  const std::string error = ErrorOf("\x1b[2J" + std::string(5'000, 'x'));
  EXPECT_EQ(error.find('\x1b'), std::string::npos);
  EXPECT_LT(error.size(), 300u);
}

TEST(HostPort, FormatsAsItParses) {
  for (const char* text : {"relay.example:443", "[2001:db8::1]:8443", "10.0.0.1:22"})
    EXPECT_EQ(FormatHostPort(*ParseHostPort(text)), text);
}

}  // namespace
}  // namespace engine
