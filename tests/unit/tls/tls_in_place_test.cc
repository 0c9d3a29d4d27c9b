// Goal: bytes that can stay where they are stay there, what cannot is counted, and no record is
// changed by it.
// Method: two links joined by a forwarder, as in the relay: client, (server channel, client
// channel), server; blocks are cut as the kernel might cut them.

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/tls/traffic_keys.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

std::string RandomText(Random& random, size_t size) {
  std::string text(size, '\0');
  for (char& letter : text) letter = static_cast<char>(random.Next());
  return text;
}

class TlsInPlaceTest : public ::testing::Test {
 protected:
  TlsInPlaceTest()
      : pool_(64, 64 * 1024),
        operator_(*client_context_, "relay.test", 64, 64 * 1024),
        from_(*server_context_, pool_),
        to_(*client_context_, pool_, "relay.test"),
        node_(*server_context_, "", 64, 64 * 1024) {
    Join(operator_, from_);
    Join(node_, to_);
    EXPECT_TRUE(from_.handshake_done());
    EXPECT_TRUE(to_.handshake_done());
  }

  void Join(TlsEnd& end, TlsChannel& channel) {
    BufferRef plaintext;
    static_cast<void>(channel.Read(plaintext));
    end.Pump();
    for (int flight = 0; flight < 4; ++flight) {
      GiveBytes(channel, TakeOutput(end.channel), 64 * 1024);
      EXPECT_EQ(channel.Read(plaintext), Outcome::kNeedMore) << channel.error_text();
      const std::string bytes = TakeOutput(channel);
      if (!bytes.empty()) end.Give(AsBytes(bytes));
      end.Pump();
    }
  }

  static std::string TakeOutput(TlsChannel& channel) {
    std::string bytes;
    ByteView slice;
    while (channel.Output({&slice, 1}) == 1) {
      bytes += AsText(slice);
      channel.OutputSent(slice.size());
    }
    return bytes;
  }

  void GiveBytes(TlsChannel& channel, const std::string& bytes, size_t block_fill) {
    for (ByteView rest = AsBytes(bytes); !rest.empty();) {
      const ByteView part = rest.first(std::min(rest.size(), block_fill));
      rest = rest.subspan(part.size());
      BufferRef block = pool_.Take();
      ASSERT_FALSE(block.empty());
      std::memcpy(block.bytes().data(), part.data(), part.size());
      block.KeepFirst(part.size());
      ASSERT_TRUE(channel.Receive(std::move(block)));
    }
  }

  // Forward reads all that the operator's side has and writes it to the node's, with another first
  // byte for each record: what the relay does with a frame's header.
  void Forward() {
    BufferRef plaintext;
    Outcome outcome = Outcome::kOk;
    while ((outcome = from_.Read(plaintext)) == Outcome::kOk) {
      const std::byte head = plaintext.bytes()[0] ^ std::byte{0xFF};
      plaintext.DropFirst(1);
      ASSERT_EQ(to_.WriteInPlace({&head, 1}, plaintext), Outcome::kOk);
      EXPECT_TRUE(plaintext.empty());
    }
    ASSERT_EQ(outcome, Outcome::kNeedMore);
  }

  const TestAuthority authority_;
  const std::unique_ptr<TlsContext> server_context_ =
      Must(TlsContext::Server({.identity = authority_.ServerIdentity(),
                               .client_authority_pem = {},
                               .protocols = {},
                               .clock = TestClock()}));
  const std::unique_ptr<TlsContext> client_context_ =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                               .identity = {},
                               .protocols = {},
                               .clock = TestClock()}));
  BufferPool pool_;
  TlsEnd operator_;
  TlsChannel from_;
  TlsChannel to_;
  TlsEnd node_;
};

TEST_F(TlsInPlaceTest, ARecordIsForwardedInTheBlockInWhichItCame) {
  ASSERT_EQ(operator_.channel.Write(AsBytes("+a frame")), Outcome::kOk);
  const std::string bytes = TakeOutput(operator_.channel);
  BufferRef block = pool_.Take();
  std::memcpy(block.bytes().data() + 100, bytes.data(), bytes.size());
  const std::byte* place = block.bytes().data() + 100;
  ASSERT_TRUE(from_.Receive(block.Share(100, bytes.size())));
  block = {};

  BufferRef plaintext;
  ASSERT_EQ(from_.Read(plaintext), Outcome::kOk);
  EXPECT_EQ(plaintext.bytes().data(), place + kTlsRecordHeader);
  EXPECT_EQ(plaintext.room_before(), kTlsRecordHeader);
  EXPECT_EQ(plaintext.room_after(), kTlsRecordTrailer);
  plaintext.DropFirst(1);
  const std::byte head{'-'};
  ASSERT_EQ(to_.WriteInPlace({&head, 1}, plaintext), Outcome::kOk);
  EXPECT_EQ(pool_.free_count() + 1, pool_.block_count());

  ByteView slice;
  ASSERT_EQ(to_.Output({&slice, 1}), 1u);
  EXPECT_EQ(slice.data(), place);
  EXPECT_EQ(slice.size(), bytes.size());
  node_.Give(slice);
  node_.Pump();
  EXPECT_EQ(node_.received, "-a frame");
  to_.OutputSent(slice.size());
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(TlsInPlaceTest, NeighboursInABlockLeaveAsOneSlice) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(operator_.channel.Write(AsBytes(std::string(16'000, 'x'))), Outcome::kOk);
  }
  GiveBytes(from_, TakeOutput(operator_.channel), 64 * 1024);
  Forward();
  std::array<ByteView, 4> slices;
  EXPECT_EQ(to_.Output(slices), 1u);
  EXPECT_EQ(slices[0].size(), 3 * (16'000 + kTlsRecordOverhead));
  EXPECT_EQ(to_.counts().sealed_in_place_bytes, 48'000u);
  EXPECT_EQ(from_.counts().opened_copied_bytes, 0u);
}

TEST_F(TlsInPlaceTest, APartThatWasSharedIsNotSealedWhereItLies) {
  ASSERT_EQ(operator_.channel.Write(AsBytes("two frames")), Outcome::kOk);
  GiveBytes(from_, TakeOutput(operator_.channel), 64 * 1024);
  BufferRef plaintext;
  ASSERT_EQ(from_.Read(plaintext), Outcome::kOk);
  BufferRef first = plaintext.Share(0, 4);
  BufferRef second = plaintext.Share(4, 6);
  EXPECT_EQ(plaintext.room_before(), 0u);
  EXPECT_EQ(first.room_after(), 0u);
  ASSERT_EQ(to_.WriteInPlace({}, first), Outcome::kOk);
  ASSERT_EQ(to_.WriteInPlace({}, second), Outcome::kOk);
  ASSERT_EQ(to_.WriteInPlace({}, plaintext), Outcome::kOk);
  EXPECT_EQ(to_.counts().sealed_in_place_bytes, 0u);
  EXPECT_EQ(to_.counts().sealed_bytes, 20u);
  node_.Give(AsBytes(TakeOutput(to_)));
  node_.Pump();
  EXPECT_EQ(node_.received,
            "two "
            "frames"
            "two frames");
}

TEST_F(TlsInPlaceTest, WithoutRoomForTheHeadItIsSealedElsewhere) {
  ASSERT_EQ(operator_.channel.Write(AsBytes("payload")), Outcome::kOk);
  GiveBytes(from_, TakeOutput(operator_.channel), 64 * 1024);
  BufferRef plaintext;
  ASSERT_EQ(from_.Read(plaintext), Outcome::kOk);
  ASSERT_EQ(to_.WriteInPlace(AsBytes("longer head "), plaintext), Outcome::kOk);
  EXPECT_EQ(to_.counts().sealed_in_place_bytes, 0u);
  EXPECT_EQ(to_.counts().sealed_copied_bytes, 19u);
  node_.Give(AsBytes(TakeOutput(to_)));
  node_.Pump();
  EXPECT_EQ(node_.received, "longer head payload");
}

TEST_F(TlsInPlaceTest, WhateverTheCutsTextArrivesAndFewBytesAreCopied) {
  for (const size_t fill : {700u, 5000u, 16'405u, 16'406u, 40'000u, 65'536u}) {
    Random random(fill);
    const TlsCounts before = from_.counts();
    std::string expected;
    node_.received.clear();
    for (int burst = 0; burst < 20; ++burst) {
      for (int i = 0; i < 8; ++i) {
        const std::string text =
            RandomText(random, random.Chance(70) ? kTlsRecordPlaintextMax : random.Range(1, 3000));
        ASSERT_EQ(operator_.channel.Write(AsBytes(text)), Outcome::kOk);
        expected += static_cast<char>(text[0] ^ '\xFF');
        expected += text.substr(1);
      }
      const std::string bytes = TakeOutput(operator_.channel);
      for (size_t offset = 0; offset < bytes.size(); offset += fill) {
        GiveBytes(from_, bytes.substr(offset, fill), fill);
        Forward();
        const std::string out = TakeOutput(to_);
        for (size_t at = 0; at < out.size(); at += 60'000) {
          node_.Give(AsBytes(out).subspan(at, std::min<size_t>(60'000, out.size() - at)));
          node_.Pump();
        }
      }
    }
    EXPECT_TRUE(node_.received == expected) << "blocks of " << fill;
    const TlsCounts counts = from_.counts();
    const uint64_t copied = counts.opened_copied_bytes - before.opened_copied_bytes;
    const uint64_t apart = counts.opened_apart_bytes - before.opened_apart_bytes;
    const uint64_t opened = counts.opened_bytes - before.opened_bytes;
    EXPECT_LE(apart, opened);
    // A large record that lies in no more than two blocks is never put together.
    if (fill > kTlsRecordPlaintextMax + kTlsRecordOverhead) {
      EXPECT_GT(apart, 0u);
      EXPECT_LT(copied, opened / 50) << "blocks of " << fill;
    }
    if (fill < TrafficKeys::kApartMin) {
      EXPECT_GT(copied, opened / 2);
    }
    EXPECT_EQ(pool_.free_count(), pool_.block_count());
  }
}

TEST_F(TlsInPlaceTest, AFullOutputLeavesThePayloadWithTheCaller) {
  std::vector<BufferRef> payloads;
  while (to_.Write(AsBytes(std::string(kTlsRecordPlaintextMax, 'x'))) == Outcome::kOk) {
  }
  ASSERT_EQ(operator_.channel.Write(AsBytes("wait")), Outcome::kOk);
  const std::string bytes = TakeOutput(operator_.channel);
  while (pool_.free_count() == 0) to_.OutputSent(60'000);
  GiveBytes(from_, bytes, 64 * 1024);
  BufferRef plaintext;
  ASSERT_EQ(from_.Read(plaintext), Outcome::kOk);
  // Blocks of our own fill the output up, and a record in place needs no other block.
  Outcome outcome = to_.WriteInPlace({}, plaintext);
  if (outcome != Outcome::kOk) {
    EXPECT_EQ(AsText(plaintext.bytes()), "wait");
    to_.OutputSent(to_.output_size());
    outcome = to_.WriteInPlace({}, plaintext);
  }
  EXPECT_EQ(outcome, Outcome::kOk);
}

TEST_F(TlsInPlaceTest, AnIdleConnectionHoldsNoBlockAfterRecordsAcrossBlocks) {
  ASSERT_EQ(operator_.channel.Write(AsBytes(std::string(9000, 'x'))), Outcome::kOk);
  GiveBytes(from_, TakeOutput(operator_.channel), 1000);
  Forward();
  EXPECT_EQ(from_.counts().opened_copied_bytes, 9000 + kTlsRecordOverhead);
  TakeOutput(to_);
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(TlsInPlaceTest, ASlowPeerHoldsTwoBlocksAndNotOneForEachByte) {
  ASSERT_EQ(operator_.channel.Write(AsBytes(std::string(9000, 'x'))), Outcome::kOk);
  const std::string bytes = TakeOutput(operator_.channel);
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    GiveBytes(from_, bytes.substr(i, 1), 1);
    BufferRef plaintext;
    ASSERT_EQ(from_.Read(plaintext), Outcome::kNeedMore);
    // Before the header is whole each byte has its block.
    ASSERT_LE(pool_.block_count() - pool_.free_count(), i < kTlsRecordHeader ? 5 : 2);
  }
}

}  // namespace
}  // namespace engine::test
