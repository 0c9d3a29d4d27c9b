// Goal: an established connection takes nothing from the heap, and BoringSSL's share is countable.
// Method: counters before and after records of all sizes between two channels.

#include "engine/tls/tls_memory.h"

#include <memory>
#include <string>

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

class TlsMemoryTest : public ::testing::Test {
 protected:
  TestAuthority authority_;
  std::unique_ptr<TlsContext> server_context_ =
      Must(TlsContext::Server({.identity = authority_.ServerIdentity(),
                               .client_authority_pem = {},
                               .protocols = {},
                               .clock = TestClock()}));
  std::unique_ptr<TlsContext> client_context_ =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                               .identity = {},
                               .protocols = {},
                               .clock = TestClock()}));
};

TEST_F(TlsMemoryTest, RecordsOfEstablishedConnectionsTakeNothingFromTheHeap) {
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
  if (kRecycles) {
    EXPECT_EQ(after.heap_allocations - before.heap_allocations, 0u);
    EXPECT_GE(TlsMemoryRecycled() - recycled_before, 4000u) << "two buffers a record";
  } else {
    EXPECT_LE(after.heap_allocations - before.heap_allocations, 4000u);
  }
  EXPECT_EQ(after.heap_bytes, before.heap_bytes);
}

TEST_F(TlsMemoryTest, ClosedConnectionsLeaveNothingBehind) {
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

TEST_F(TlsMemoryTest, AnIdleConnectionIsSmall) {
  const uint64_t before = TlsMemory().heap_bytes;
  TlsEnd client(*client_context_, "relay.test");
  TlsEnd server(*server_context_);
  Shake(client, server);
  const uint64_t both = TlsMemory().heap_bytes - before;
  RecordProperty("bytes_of_both_sides", static_cast<int>(both));
  EXPECT_LT(both, 32u * 1024);
}

}  // namespace
}  // namespace engine::test
