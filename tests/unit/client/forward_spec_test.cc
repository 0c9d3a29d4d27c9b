// Goal: what ssh's users type is understood as they mean it, and everything else is refused with a
// reason. Method: tables of texts with their meaning, and of texts that must not pass.

#include "client/forward_spec.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/forward_spec_text.h"

namespace client {
namespace {

struct Good {
  const char* text;
  ForwardSpec spec;
};

TEST(ForwardSpecTest, EveryFormIsUnderstood) {
  const Good kTable[] = {
      {"5432:5432", {.local_port = 5432, .port = 5432}},
      {"0:22", {.local_port = 0, .port = 22}},
      {"5432:db.internal:5432", {.local_port = 5432, .host = "db.internal", .port = 5432}},
      {"8080:10:80", {.local_port = 8080, .host = "10", .port = 80}},
      {"127.0.0.1:8080:80", {.bind = "127.0.0.1", .local_port = 8080, .port = 80}},
      {"*:8080:web:80", {.bind = "*", .local_port = 8080, .host = "web", .port = 80}},
      {"*:8080:80", {.bind = "*", .local_port = 8080, .port = 80}},
      {"localhost:8080:80", {.local_port = 8080, .port = 80}},
      {"[::1]:8080:80", {.bind = "::1", .local_port = 8080, .port = 80}},
      {"8080:[2001:db8::1]:80", {.local_port = 8080, .host = "2001:db8::1", .port = 80}},
      {"[::]:1:[fe80::1]:2", {.bind = "::", .local_port = 1, .host = "fe80::1", .port = 2}},
      {"/tmp/db.sock:5432", {.socket_path = "/tmp/db.sock", .port = 5432}},
      {"/tmp/db.sock:db:5432", {.socket_path = "/tmp/db.sock", .host = "db", .port = 5432}},
      {"65535:my_host:65535", {.local_port = 65535, .host = "my_host", .port = 65535}},
  };
  for (const Good& good : kTable) {
    ForwardSpec spec;
    std::string error;
    EXPECT_TRUE(ParseForwardSpec(good.text, spec, error)) << good.text << ": " << error;
    EXPECT_EQ(spec, good.spec) << good.text << " became " << ToText(spec);
    ForwardSpec again;
    EXPECT_TRUE(ParseForwardSpec(ToText(spec), again, error)) << ToText(spec) << ": " << error;
    EXPECT_EQ(again, spec) << ToText(spec);
  }
}

TEST(ForwardSpecTest, EverythingElseIsRefusedWithAReason) {
  const char* kTable[] = {
      "",         ":",          "5432",          "5432:",           ":5432",
      "a:b",      "1:2:3:4:5",  "65536:1",       "1:65536",         "1:0",
      "-1:1",     "1:+1",       "1:a b:2",       "[::1:80:80",      "[::1]x:80:80",
      "[]:80:80", "1:[host]:2", "1:[1.2.3.4]:2", "::1:80:80",       "name:80:host:80",
      ":80:h:80", "1::2",       "x:/a:1",        "[127.0.0.1]:1:2", "[::1]",
      "1:-h:2",   "/:",         "1:h\n:2",       "[1]:2",           "1:[2]",
      "0x10:20",  "1: 2",       "[::1]:/a:1",    "1:\xC3\xA9:2",
  };
  for (const char* text : kTable) {
    ForwardSpec spec{.local_port = 1, .host = "untouched", .port = 1};
    const ForwardSpec before = spec;
    std::string error;
    EXPECT_FALSE(ParseForwardSpec(text, spec, error)) << text << " became " << ToText(spec);
    EXPECT_FALSE(error.empty()) << text;
    EXPECT_EQ(spec, before) << text;
  }
}

TEST(ForwardSpecTest, AReasonSaysWhatToWriteInstead) {
  ForwardSpec spec;
  std::string error;
  EXPECT_FALSE(ParseForwardSpec("5432", spec, error));
  EXPECT_EQ(error, "forward '5432': needs at least LOCAL:PORT, for instance 5432:5432");
  EXPECT_FALSE(ParseForwardSpec("99999", spec, error));
  EXPECT_EQ(error, "forward '99999': port '99999' is not a port number from 1 to 65535");
  EXPECT_FALSE(ParseForwardSpec("::1:80:web:80", spec, error));
  EXPECT_NE(error.find("[::1]"), std::string::npos) << error;
  EXPECT_FALSE(ParseForwardSpec("1:ho\x1Bst:2", spec, error));
  EXPECT_EQ(error.find('\x1B'), std::string::npos) << "control bytes must not reach the terminal";
}

TEST(ForwardSpecTest, ALongSocketPathIsRefused) {
  ForwardSpec spec;
  std::string error;
  EXPECT_TRUE(ParseForwardSpec("/" + std::string(106, 'a') + ":1", spec, error)) << error;
  EXPECT_FALSE(ParseForwardSpec("/" + std::string(107, 'a') + ":1", spec, error));
}

TEST(ForwardSpecTest, ALocalEndThatIsNamedTwiceIsTold) {
  const auto told = [](const std::vector<std::string>& texts) {
    std::vector<ForwardSpec> specs(texts.size());
    std::string error;
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_TRUE(ParseForwardSpec(texts[i], specs[i], error)) << error;
    }
    return NamedTwiceText(specs);
  };
  EXPECT_EQ(told({"80:80", "81:80", "0:80", "0:80", "127.0.0.1:82:80", "127.0.0.2:82:80"}), "");
  EXPECT_NE(told({"1:1", "80:80", "localhost:80:81"}).find("local port 80"), std::string::npos);
  EXPECT_NE(told({"/tmp/s:1", "/tmp/s:2"}).find("local socket /tmp/s"), std::string::npos);
  EXPECT_EQ(told({"/tmp/s:1", "/tmp/t:2"}), "");
}

}  // namespace
}  // namespace client
