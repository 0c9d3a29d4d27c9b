// Goal: what was sent and not acknowledged can be sent again, byte for byte, and nothing is kept
// longer than that.

#include "engine/mux/sent_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "engine/base/random.h"
#include "engine/buffer/record_protocol.h"

namespace engine {
namespace {

constexpr uint32_t kBlockSize = 4 * 1024;

class SentLogTest : public testing::Test {
 protected:
  void Copy(std::string_view text) {
    log_.Append(AsBytes(text));
    sent_ += text;
  }
  void Keep(std::string_view text) {
    const BufferRef block = pool_.Take();
    std::copy_n(AsBytes(text).data(), text.size(), block.bytes().data());
    log_.Append(block.Share(0, text.size()));
    sent_ += text;
  }
  std::string Gather() {
    std::array<ByteView, kRecordSlicesMax> slices;
    std::string bytes;
    for (size_t i = 0, count = log_.Gather(slices); i < count; ++i) bytes += AsText(slices[i]);
    return bytes;
  }
  std::string GatherAll() {
    std::string bytes;
    while (log_.has_unsent()) bytes += Gather();
    return bytes;
  }
  std::string From(uint64_t position) const { return sent_.substr(position); }

  BufferPool pool_{64, kBlockSize};
  SentLog log_{100};
  std::string sent_;
};

TEST_F(SentLogTest, WhatIsAppendedIsSentAndCanBeSentAgainFromEveryByte) {
  Copy("header--");
  Keep(std::string(3'000, 'a'));
  Copy("header--");
  Copy("small");
  Keep("kept");
  EXPECT_FALSE(log_.has_unsent());
  for (uint64_t position = 0; position <= sent_.size(); ++position) {
    ASSERT_TRUE(log_.Rewind(position));
    ASSERT_EQ(GatherAll(), From(position)) << position;
    ASSERT_EQ(log_.begin(), position);
  }
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(SentLogTest, BlocksGoBackAsTheirBytesAreAcknowledged) {
  Keep(std::string(1'000, 'a'));
  Keep(std::string(1'000, 'b'));
  EXPECT_EQ(pool_.free_count(), pool_.block_count() - 2);
  EXPECT_TRUE(log_.Acknowledge(999));
  EXPECT_EQ(pool_.free_count(), pool_.block_count() - 2);
  EXPECT_TRUE(log_.Acknowledge(1'000));
  EXPECT_EQ(pool_.free_count(), pool_.block_count() - 1);
  EXPECT_TRUE(log_.Acknowledge(2'000));
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
  EXPECT_EQ(log_.size(), 0u);
}

TEST_F(SentLogTest, WhatWasNeverSentIsNotAcknowledged) {
  Copy("abc");
  EXPECT_FALSE(log_.Acknowledge(4));
  EXPECT_FALSE(log_.Rewind(4));
  EXPECT_EQ(log_.begin(), 0u);
  ASSERT_TRUE(log_.Rewind(1));
  EXPECT_FALSE(log_.Acknowledge(2));  // Not sent again yet.
  EXPECT_EQ(Gather(), "bc");
  EXPECT_TRUE(log_.Acknowledge(2));
}

TEST_F(SentLogTest, WhatWasForgottenCannotBeSentAgain) {
  Copy("abc");
  EXPECT_TRUE(log_.Acknowledge(2));
  EXPECT_TRUE(log_.Acknowledge(1));
  EXPECT_EQ(log_.begin(), 2u);
  EXPECT_FALSE(log_.Rewind(1));
  EXPECT_TRUE(log_.Rewind(2));
  EXPECT_EQ(GatherAll(), "c");
}

TEST_F(SentLogTest, ItIsFullAtItsMaximumAndOverrunBeyond) {
  Copy(std::string(99, 'x'));
  EXPECT_FALSE(log_.is_full());
  Copy("x");
  EXPECT_TRUE(log_.is_full());
  const std::string frame(16, 'y');
  while (log_.size() <= 100 + SentLog::kOverrunMax) {
    ASSERT_FALSE(log_.is_overrun());
    Copy(frame);
  }
  EXPECT_TRUE(log_.is_overrun());
  EXPECT_TRUE(log_.Acknowledge(log_.end()));
  EXPECT_FALSE(log_.is_full());
}

TEST_F(SentLogTest, NoRecordIsLargerThanARecordMayBe) {
  for (int i = 0; i < 12; ++i) Keep(std::string(kBlockSize, static_cast<char>('a' + i)));
  ASSERT_TRUE(log_.Rewind(1));
  EXPECT_EQ(Gather().size(), kRecordSizeMax);
  ASSERT_TRUE(log_.Rewind(1));
  EXPECT_EQ(GatherAll(), From(1));
}

TEST_F(SentLogTest, AnyOrderOfAppendsAcknowledgementsAndRewindsKeepsTheBytes) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    BufferPool pool(2'048, kBlockSize);
    SentLog log(1'000'000);
    std::string sent;
    std::array<ByteView, kRecordSlicesMax> slices;
    const auto resend = [&] {
      while (log.has_unsent()) {
        const uint64_t from = log.end();
        std::string bytes;
        for (size_t i = 0, count = log.Gather(slices); i < count; ++i) bytes += AsText(slices[i]);
        EXPECT_FALSE(bytes.empty());
        EXPECT_EQ(from, log.end());
        if (random.Chance(10)) return;
      }
    };
    for (int step = 0; step < 400; ++step) {
      if (!log.has_unsent() && random.Chance(70)) {
        const std::string text(random.Range(1, random.Chance(50) ? 40 : 3'000),
                               static_cast<char>('a' + step % 26));
        if (random.Chance(50)) {
          log.Append(AsBytes(text));
        } else {
          const BufferRef block = pool.Take();
          ASSERT_FALSE(block.empty());
          std::copy_n(AsBytes(text).data(), text.size(), block.bytes().data());
          log.Append(block.Share(0, text.size()));
        }
        sent += text;
      }
      if (random.Chance(20)) (void)log.Acknowledge(log.begin() + log.size() / 3);
      if (random.Chance(10)) {
        ASSERT_TRUE(log.Rewind(log.begin()));
        std::string again;
        while (log.has_unsent()) {
          for (size_t i = 0, count = log.Gather(slices); i < count; ++i) again += AsText(slices[i]);
        }
        ASSERT_EQ(again, sent.substr(log.begin()));
        ASSERT_TRUE(log.Rewind(log.begin()));
      }
      resend();
    }
    while (log.has_unsent()) log.Gather(slices);
    ASSERT_TRUE(log.Acknowledge(log.end()));
    EXPECT_EQ(pool.free_count(), pool.block_count());
  }
}

}  // namespace
}  // namespace engine
