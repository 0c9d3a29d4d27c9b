// Goal: the look at a connection's first bytes finds name and protocols whatever the pieces, and
// never takes foreign bytes for a hello or waits for ever.
// Method: real hellos of a TlsChannel, cut at every byte, split into records, and spoilt.

#include "engine/tls/client_hello.h"

#include <string>

#include "engine/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = ClientHello::State;

std::string Hello(std::vector<std::string> protocols, std::string_view host) {
  const TestAuthority authority;
  const std::unique_ptr<TlsContext> context =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority.Pem()),
                               .identity = {},
                               .protocols = std::move(protocols),
                               .clock = TestClock()}));
  TlsEnd client(*context, host);
  client.Pump();
  ByteView slice;
  EXPECT_EQ(client.channel.Output({&slice, 1}), 1u);
  return std::string(AsText(slice));
}

// Split puts the same handshake bytes into records of at most `size` bytes.
std::string Split(const std::string& hello, size_t size) {
  const std::string message = hello.substr(5);
  std::string records;
  for (size_t offset = 0; offset < message.size(); offset += size) {
    const std::string body = message.substr(offset, size);
    records += hello.substr(0, 3);
    records += static_cast<char>(body.size() >> 8);
    records += static_cast<char>(body.size());
    records += body;
  }
  return records;
}

TEST(ClientHelloTest, NameAndProtocolsAreFoundInOrder) {
  const ClientHello hello = PeekClientHello(AsBytes(Hello({"adit/1", "http/1.1"}, "relay.test")));
  EXPECT_EQ(hello.state, State::kOk);
  EXPECT_EQ(hello.server_name, "relay.test");
  EXPECT_THAT(hello.protocols, ElementsAre("adit/1", "http/1.1"));
  EXPECT_TRUE(hello.Offers("http/1.1"));
  EXPECT_FALSE(hello.Offers("http/1"));
}

TEST(ClientHelloTest, AHelloWithoutNameOrProtocolsIsAHello) {
  const ClientHello hello = PeekClientHello(AsBytes(Hello({}, "127.0.0.1")));
  EXPECT_EQ(hello.state, State::kOk);
  EXPECT_EQ(hello.server_name, "");
  EXPECT_THAT(hello.protocols, IsEmpty());
}

TEST(ClientHelloTest, EveryBeginningNeedsMoreAndWhatFollowsDoesNotMatter) {
  const std::string hello = Hello({"adit/1"}, "relay.test");
  for (size_t size = 0; size < hello.size(); ++size) {
    EXPECT_EQ(PeekClientHello(AsBytes(hello).first(size)).state, State::kNeedMore) << size;
  }
  EXPECT_EQ(PeekClientHello(AsBytes(hello)).state, State::kOk);
}

TEST(ClientHelloTest, RecordsOfAnySizeMakeTheSameHello) {
  const std::string hello = Hello({"adit/1"}, "relay.test");
  for (const size_t size : {1u, 2u, 3u, 4u, 5u, 50u, 200u}) {
    const std::string records = Split(hello, size);
    EXPECT_EQ(PeekClientHello(AsBytes(records)).server_name, "relay.test") << size;
    EXPECT_EQ(PeekClientHello(AsBytes(records).first(records.size() - 1)).state, State::kNeedMore);
  }
}

TEST(ClientHelloTest, OtherProtocolsAreKnownByTheirFirstBytes) {
  for (const char* text : {"GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\n", "PRI * HTTP/2"}) {
    EXPECT_EQ(PeekClientHello(AsBytes(text)).state, State::kNotTls) << text;
  }
  EXPECT_EQ(PeekClientHello(AsBytes(std::string_view("\x16\x02", 2))).state, State::kNotTls);
  EXPECT_EQ(PeekClientHello(AsBytes(std::string_view("\x16\x03\x01\x00\x00", 5))).state,
            State::kNotTls);
  EXPECT_EQ(PeekClientHello(AsBytes(std::string_view("\x16\x03\x01\x00\x10\x02", 6))).state,
            State::kNotTls)
      << "a message that only servers send";
}

TEST(ClientHelloTest, AHelloThatPromisesTooMuchIsRefusedAtItsHeader) {
  const std::string_view header("\x16\x03\x01\x40\x00\x01\x00\x40\x01", 9);
  EXPECT_EQ(PeekClientHello(AsBytes(header)).state, State::kTooLarge);
  // One-byte records cost six bytes for each: the drip ends by what was received, too.
  std::string drip;
  const std::string message = std::string("\x01\x00\x3F\xF0", 4) + std::string(8000, '\0');
  for (const char byte : message) drip += std::string("\x16\x03\x01\x00\x01", 5) + byte;
  drip.resize(kClientHelloSizeMax - 1);
  EXPECT_EQ(PeekClientHello(AsBytes(drip)).state, State::kNeedMore);
  drip.resize(kClientHelloSizeMax);
  EXPECT_EQ(PeekClientHello(AsBytes(drip)).state, State::kTooLarge);
}

TEST(ClientHelloTest, ASpoiltHelloIsNeverMistakenForMoreThanItIs) {
  const std::string hello = Hello({"adit/1"}, "relay.test");
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    std::string spoilt = hello;
    const uint64_t count = random.Range(1, 4);
    for (uint64_t i = 0; i < count; ++i) {
      spoilt[random.Range(0, spoilt.size() - 1)] = static_cast<char>(random.Next());
    }
    const ClientHello seen = PeekClientHello(AsBytes(spoilt));
    if (seen.state != State::kOk) {
      EXPECT_EQ(seen.server_name, "");
      EXPECT_THAT(seen.protocols, IsEmpty());
    }
  }
}

}  // namespace
}  // namespace engine::test
