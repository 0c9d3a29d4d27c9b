// Goal: a pool gives back the memory of a burst, and never that of a block that somebody has or
// that is taken all the time.
// Method: blocks are filled, so that one whose pages were given back reads as zeros.

#include "engine/buffer/buffer_pool.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "gtest/gtest.h"

namespace engine {
namespace {

constexpr uint32_t kBlockSize = 64 * 1024;
constexpr size_t kKept = BufferPool::kKeptSize / kBlockSize;
constexpr size_t kBlocks = 4 * kKept;
constexpr size_t kAll = size_t{kBlocks} * kBlockSize;

class BufferPoolTest : public ::testing::Test {
 protected:
  std::vector<BufferRef> Take(size_t count) {
    std::vector<BufferRef> blocks(count);
    for (BufferRef& block : blocks) block = pool_.Take();
    return blocks;
  }

  std::vector<BufferRef> TakeAndFill(size_t count) {
    std::vector<BufferRef> blocks = Take(count);
    for (BufferRef& block : blocks) std::ranges::fill(block.bytes(), std::byte{0xab});
    return blocks;
  }

  // How many of the blocks have lost what was written into them, and none of them a part of it.
  static size_t CountBare(const std::vector<BufferRef>& blocks) {
    size_t count = 0;
    for (const BufferRef& block : blocks) {
      const auto zeros = std::ranges::count(block.bytes(), std::byte{0});
      EXPECT_TRUE(zeros == 0 || zeros == kBlockSize) << "block " << block.block_id();
      if (zeros == kBlockSize) ++count;
    }
    return count;
  }

  BufferPool pool_{kBlocks, kBlockSize};
};

TEST_F(BufferPoolTest, APoolThatNobodyUsedHasNothingToGiveBack) {
  EXPECT_FALSE(pool_.HasIdlePages());
  pool_.GiveBack(kAll);
  EXPECT_FALSE(pool_.HasIdlePages());
}

TEST_F(BufferPoolTest, WhatABurstTookGoesBackButForTheHottest) {
  TakeAndFill(kBlocks);
  EXPECT_TRUE(pool_.HasIdlePages());
  pool_.GiveBack(kAll);  // They were taken since the last time, which was never.
  EXPECT_EQ(CountBare(Take(kBlocks)), 0u);

  pool_.GiveBack(kAll);
  EXPECT_TRUE(pool_.HasIdlePages());
  pool_.GiveBack(kAll);
  EXPECT_FALSE(pool_.HasIdlePages());
  EXPECT_EQ(CountBare(Take(kBlocks)), kBlocks - kKept);
}

TEST_F(BufferPoolTest, OneCallGivesBackNoMoreThanItIsAskedFor) {
  TakeAndFill(kBlocks);
  pool_.GiveBack(0);
  pool_.GiveBack(3 * kBlockSize);
  EXPECT_TRUE(pool_.HasIdlePages());
  pool_.GiveBack(2 * kBlockSize);
  EXPECT_EQ(CountBare(Take(kBlocks)), 5u);
}

TEST_F(BufferPoolTest, BlocksThatSomebodyHasAreLeftAlone) {
  std::vector<BufferRef> blocks = TakeAndFill(kBlocks);
  std::erase_if(blocks, [](const BufferRef& block) { return block.block_id() % 8 != 0; });
  pool_.GiveBack(kAll);
  pool_.GiveBack(kAll);
  EXPECT_EQ(CountBare(blocks), 0u);
  blocks.clear();
  EXPECT_EQ(CountBare(Take(kBlocks)), kBlocks - kKept);
}

TEST_F(BufferPoolTest, BlocksThatAreTakenAllTheTimeAreLeftAlone) {
  TakeAndFill(kBlocks);
  pool_.GiveBack(kAll);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(CountBare(Take(kBlocks - kKept)), 0u);
    pool_.GiveBack(kAll);
  }
  EXPECT_EQ(CountBare(Take(kBlocks)), kKept);
}

TEST_F(BufferPoolTest, ABlockIsGivenBackOnceForEachTimeThatItWasUsed) {
  TakeAndFill(kBlocks);
  pool_.GiveBack(kAll);
  pool_.GiveBack(kAll);
  TakeAndFill(kKept + 5);
  EXPECT_TRUE(pool_.HasIdlePages());
  pool_.GiveBack(kAll);
  pool_.GiveBack(5 * kBlockSize);
  EXPECT_FALSE(pool_.HasIdlePages());
  EXPECT_EQ(CountBare(Take(kBlocks)), kBlocks - kKept);
}

// A burst comes back in any order, and goes in few calls all the same.
TEST_F(BufferPoolTest, TheOrderInWhichBlocksComeBackDoesNotMatter) {
  std::vector<BufferRef> blocks = TakeAndFill(kBlocks);
  for (size_t i = 0; i < kBlocks; ++i) blocks[i * 29 % kBlocks] = {};
  pool_.GiveBack(kAll);
  pool_.GiveBack(kAll);
  EXPECT_EQ(CountBare(Take(kBlocks)), kBlocks - kKept);
}

// Each call of the system has its price, so that one GiveBack() makes a few.
TEST_F(BufferPoolTest, ManySmallPiecesTakeMoreThanOneCall) {
  std::vector<BufferRef> blocks = TakeAndFill(kBlocks);
  std::erase_if(blocks, [](const BufferRef& block) { return block.block_id() % 2 == 0; });
  pool_.GiveBack(kAll);
  pool_.GiveBack(kAll);
  EXPECT_TRUE(pool_.HasIdlePages());
  pool_.GiveBack(kAll);
  EXPECT_FALSE(pool_.HasIdlePages());
  EXPECT_EQ(CountBare(Take(kBlocks / 2)), kBlocks / 2);
  EXPECT_EQ(CountBare(blocks), 0u);
}

// Pages may be larger than blocks, or lie across two: only whole ones go.
TEST(BufferPoolOfOddBlocks, NeighboursKeepTheirBytes) {
  constexpr uint32_t kOddSize = 100'001;
  BufferPool pool{64, kOddSize};
  std::vector<BufferRef> blocks(64);
  for (BufferRef& block : blocks) {
    block = pool.Take();
    std::ranges::fill(block.bytes(), std::byte{0xab});
  }
  for (size_t i = 1; i < blocks.size(); i += 2) blocks[i] = {};
  pool.GiveBack(size_t{64} * kOddSize);
  pool.GiveBack(size_t{64} * kOddSize);
  for (size_t i = 0; i < blocks.size(); i += 2) {
    EXPECT_EQ(std::ranges::count(blocks[i].bytes(), std::byte{0xab}), kOddSize);
  }
}

}  // namespace
}  // namespace engine
