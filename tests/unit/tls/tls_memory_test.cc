// Goal: an established connection takes nothing from the heap, and BoringSSL's share is countable.
// Method: counters before and after records of all sizes between two channels.

#include "engine/tls/tls_memory.h"

#include <malloc.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kRecycles = false;  // Every buffer goes back, so that the sanitizer sees its end.
#elif !ADIT_RECORD_MEMORY
constexpr bool kRecycles = false;  // A BoringSSL that does not ask us.
#else
constexpr bool kRecycles = true;
#endif

class TlsMemoryTest : public ::testing::TestWithParam<TlsRecords> {
 protected:
  TestAuthority authority_;
  std::unique_ptr<TlsContext> server_context_ =
      Must(TlsContext::Server({.identity = authority_.ServerIdentity(),
                               .client_authority_pem = {},
                               .protocols = {},
                               .clock = TestClock(),
                               .records = GetParam()}));
  std::unique_ptr<TlsContext> client_context_ =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                               .identity = {},
                               .protocols = {},
                               .clock = TestClock(),
                               .records = GetParam()}));
};

TEST_P(TlsMemoryTest, RecordsOfEstablishedConnectionsTakeNothingFromTheHeap) {
  TlsEnd client(*client_context_, "relay.test");
  TlsEnd server(*server_context_);
  Shake(client, server);
  const std::string text(kTlsRecordPlaintextMax, 'x');
  const auto exchange = [&](int count) {
    Random random(7);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(client.channel.Write(AsBytes(text).first(random.Range(1, text.size()))),
                Outcome::kOk);
      ASSERT_EQ(server.channel.Write(AsBytes(text).first(random.Range(1, 200))), Outcome::kOk);
      Carry(client, server);
      Carry(server, client);
    }
  };
  exchange(10);
  const TlsMemoryCounts before = TlsMemory();
  const uint64_t recycled_before = TlsMemoryRecycled();
  exchange(1000);
  const TlsMemoryCounts after = TlsMemory();
  if (GetParam() == TlsRecords::kInPlace) {
    EXPECT_EQ(after.heap_allocations, before.heap_allocations);
    EXPECT_EQ(TlsMemoryRecycled(), recycled_before);
  } else if (kRecycles) {
    EXPECT_EQ(after.heap_allocations - before.heap_allocations, 0u);
    EXPECT_GE(TlsMemoryRecycled() - recycled_before, 4000u) << "two buffers a record";
  } else {
    EXPECT_LE(after.heap_allocations - before.heap_allocations, 4000u);
  }
  EXPECT_EQ(after.heap_bytes, before.heap_bytes);
}

TEST_P(TlsMemoryTest, ClosedConnectionsLeaveNothingBehind) {
  const auto connect = [&] {
    TlsEnd client(*client_context_, "relay.test", 16);
    TlsEnd server(*server_context_, "", 16);
    Shake(client, server);
    EXPECT_TRUE(server.channel.handshake_done());
  };
  for (int i = 0; i < 5; ++i) connect();
  const uint64_t bytes = TlsMemory().heap_bytes;
  for (int i = 0; i < 50; ++i) connect();
  EXPECT_EQ(TlsMemory().heap_bytes, bytes);
}

TEST_P(TlsMemoryTest, AnIdleConnectionIsSmall) {
  // The first handshake fills what BoringSSL keeps for all.
  const auto connect = [this] {
    auto ends = std::make_pair(std::make_unique<TlsEnd>(*client_context_, "relay.test"),
                               std::make_unique<TlsEnd>(*server_context_));
    Shake(*ends.first, *ends.second);
    EXPECT_TRUE(ends.second->channel.handshake_done());
    return ends;
  };
  connect();
  const uint64_t before = TlsMemory().heap_bytes;
  const auto ends = connect();
  const uint64_t both = TlsMemory().heap_bytes - before;
  RecordProperty("bytes_of_both_sides", static_cast<int>(both));
  // Nothing of BoringSSL's is left when it does not carry the records.
  EXPECT_LE(both, GetParam() == TlsRecords::kInPlace ? 0u : 32u * 1024);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_P(TlsMemoryTest, AChannelInPlaceTakesTwoKibibytesWhenItIsIdle) {
  if (GetParam() != TlsRecords::kInPlace) return;
  BufferPool pool(64, kTestBlockSize);
  constexpr size_t kCount = 32;
  std::vector<std::unique_ptr<TlsChannel>> servers;
  servers.reserve(kCount);
  size_t first = 0;
  for (size_t i = 0; i < kCount + 4; ++i) {
    if (i == 4) first = mallinfo2().uordblks;
    TlsEnd client(*client_context_, "relay.test");
    auto server = std::make_unique<TlsChannel>(*server_context_, pool);
    BufferRef plaintext;
    client.Pump();
    for (int flight = 0; flight < 3; ++flight) {
      ByteView slice;
      while (client.channel.Output({&slice, 1}) == 1) {
        BufferRef block = pool.Take();
        std::memcpy(block.bytes().data(), slice.data(), slice.size());
        ASSERT_TRUE(server->Receive(block.Share(0, slice.size())));
        client.channel.OutputSent(slice.size());
      }
      ASSERT_EQ(server->Read(plaintext), Outcome::kNeedMore);
      while (server->Output({&slice, 1}) == 1) {
        client.Give(slice);
        server->OutputSent(slice.size());
      }
      client.Pump();
    }
    ASSERT_TRUE(server->handshake_done());
    server->ForgetPeer();
    if (i >= 4) servers.push_back(std::move(server));
  }
  const size_t each = (mallinfo2().uordblks - first) / kCount;
  RecordProperty("bytes_of_a_channel", static_cast<int>(each));
  EXPECT_LE(each, 2048u);
  EXPECT_GE(each, 1024u) << "or nothing was measured";
}
#endif

INSTANTIATE_TEST_SUITE_P(All, TlsMemoryTest,
                         ::testing::Values(TlsRecords::kInPlace, TlsRecords::kBoringSsl));

}  // namespace
}  // namespace engine::test
