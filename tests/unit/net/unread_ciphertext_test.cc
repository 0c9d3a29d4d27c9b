// Goal: bytes that come right behind the last record of a TLS connection are handed over exactly,
// wherever the two are cut.
// Method: a relay's `joined` and the first bytes of what follows are cut at each place, into two
// pieces of one block or of two.

#include <array>
#include <string>
#include <vector>

#include "engine/wire/control.h"
#include "engine/wire/frame.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

constexpr char kRaw[] = "\x16\x03\x01\x02\x00 what a ClientHello might go on with";

struct Credentials {
  TestAuthority authority;
  std::unique_ptr<TlsContext> server =
      Must(TlsContext::Server({.identity = authority.ServerIdentity(),
                               .protocols = {"adit-join/1"},
                               .clock = TestClock()}));
  std::unique_ptr<TlsContext> client =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority.Pem()),
                               .protocols = {"adit-join/1"},
                               .clock = TestClock()}));
};

// PlayCut joins two fresh ends, sends one record and kRaw cut at `place`, and returns what is left
// unread once the record was read. All bytes behind the cut may come late.
std::string PlayCut(const Credentials& credentials, size_t place, bool in_one_block,
                    size_t& size_out) {
  TlsEnd server(*credentials.server);
  TlsEnd client(*credentials.client, "relay.test");
  Shake(client, server);
  EXPECT_EQ(server.channel.Write(AsBytes(std::string("joined"))), Outcome::kOk);
  std::string bytes;
  ByteView slice;
  while (server.channel.Output({&slice, 1}) == 1) {
    bytes += AsText(slice);
    server.channel.OutputSent(slice.size());
  }
  bytes += std::string(kRaw, sizeof kRaw - 1);
  size_out = bytes.size();
  if (place > bytes.size()) return {};

  BufferRef block = client.pool.Take();
  std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
  BufferRef second_block = in_one_block ? BufferRef() : client.pool.Take();
  if (!in_one_block) std::memcpy(second_block.bytes().data(), bytes.data(), bytes.size());
  const BufferRef& source = in_one_block ? block : second_block;
  const size_t rest = bytes.size() - place;

  std::vector<BufferRef> unread;
  std::array<BufferRef, 2> parts = {block.Share(0, place), source.Share(place, rest)};
  for (BufferRef& part : parts) {
    if (part.empty()) continue;
    if (!client.received.empty()) {
      unread.push_back(std::move(part));  // The connection has laid TLS aside.
      continue;
    }
    EXPECT_TRUE(client.channel.Receive(std::move(part)));
    BufferRef plaintext;
    const Outcome outcome = client.channel.Read(plaintext);
    if (outcome != Outcome::kOk) {
      EXPECT_EQ(outcome, Outcome::kNeedMore) << client.channel.error_text();
      continue;
    }
    client.received += AsText(plaintext.bytes());
    for (BufferRef& left : client.channel.TakeUnread()) unread.push_back(std::move(left));
  }
  EXPECT_EQ(client.received, "joined") << "cut at " << place;
  std::string text;
  for (const BufferRef& left : unread) text += AsText(left.bytes());
  return text;
}

TEST(UnreadCiphertextTest, IsHandedOverExactlyWhereverItIsCut) {
  const Credentials credentials;
  const std::string raw(kRaw, sizeof kRaw - 1);
  for (const bool in_one_block : {true, false}) {
    size_t size = 1;
    for (size_t place = 0; place <= size; ++place) {
      EXPECT_EQ(PlayCut(credentials, place, in_one_block, size), raw)
          << "cut at " << place << (in_one_block ? " of one block" : " of two blocks");
    }
  }
}

}  // namespace
}  // namespace engine::test
