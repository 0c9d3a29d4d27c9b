// Goal: bytes leave in the order in which they came, and small pieces do not pin whole blocks.
// Method: random pushes and pops against a plain string.

#include "agent/target/byte_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "engine/base/random.h"

namespace agent {
namespace {

constexpr uint16_t kBlocks = 64;
constexpr uint32_t kBlockSize = 1024;

engine::BufferRef Piece(engine::BufferPool& pool, const std::string& text) {
  engine::BufferRef block = pool.Take();
  EXPECT_FALSE(block.empty());
  std::copy_n(engine::AsBytes(text).begin(), text.size(), block.bytes().begin());
  return block.Share(0, text.size());
}

std::string FrontText(const ByteQueue& queue) {
  std::array<engine::ByteView, 16> slices;
  std::string text;
  const size_t count = queue.Front(slices);
  for (size_t i = 0; i < count; ++i) text += engine::AsText(slices[i]);
  return text;
}

TEST(ByteQueueTest, BytesLeaveInTheOrderInWhichTheyCame) {
  engine::BufferPool pool(kBlocks, kBlockSize);
  engine::Random random(3);
  ByteQueue queue(pool);
  std::string expected;
  for (int step = 0; step < 20'000; ++step) {
    if (random.Chance(50) && pool.free_count() > 2) {
      std::string text(random.Range(1, random.Chance(80) ? 40 : kBlockSize), '\0');
      for (char& byte : text) byte = static_cast<char>(random.Next());
      expected += text;
      queue.Push(Piece(pool, text));
    } else {
      const std::string front = FrontText(queue);
      ASSERT_EQ(front, expected.substr(0, front.size()));
      const size_t size = front.empty() ? 0 : random.Range(1, front.size());
      queue.Pop(size);
      expected.erase(0, size);
    }
    ASSERT_EQ(queue.size(), expected.size());
  }
  queue.Clear();
  EXPECT_EQ(pool.free_count(), kBlocks);
}

TEST(ByteQueueTest, SmallPiecesShareBlocks) {
  engine::BufferPool pool(kBlocks, kBlockSize);
  ByteQueue queue(pool);
  for (int i = 0; i < 10'000; ++i) queue.Push(Piece(pool, "x"));
  EXPECT_EQ(queue.size(), 10'000u);
  EXPECT_GE(pool.free_count(), kBlocks - 12);
}

TEST(ByteQueueTest, DryPoolLosesNothing) {
  engine::BufferPool pool(4, kBlockSize);
  ByteQueue queue(pool);
  queue.Push(Piece(pool, "a"));
  queue.Push(Piece(pool, std::string(kBlockSize, 'b')));
  queue.Push(Piece(pool, std::string(kBlockSize, 'c')));
  queue.Push(Piece(pool, "d"));
  EXPECT_EQ(FrontText(queue),
            "a" + std::string(kBlockSize, 'b') + std::string(kBlockSize, 'c') + "d");
}

TEST(ByteQueueTest, EmptyQueueHoldsNoBlock) {
  engine::BufferPool pool(kBlocks, kBlockSize);
  ByteQueue queue(pool);
  for (int i = 0; i < 10; ++i) queue.Push(Piece(pool, "x"));
  queue.Pop(10);
  EXPECT_EQ(pool.free_count(), kBlocks);
}

}  // namespace
}  // namespace agent
