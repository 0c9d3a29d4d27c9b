// Goal: a burst costs memory for a few minutes, not for the life of the process.
// Method: every block of a loop is filled and let go, and the loop, which has nothing else to do,
// is run until it has given them back: then they read as zeros.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/buffer/buffer_pool.h"
#include "engine/loop/posix_loop.h"
#include "gtest/gtest.h"
#include "tests/contract/loop_fixture.h"

namespace engine {
namespace {

constexpr uint32_t kLargeBlock = 32 * 1024;
constexpr uint16_t kManyBlocks = 64;
constexpr size_t kKept = BufferPool::kKeptSize / kLargeBlock;

class LoopMemory : public testing::TestWithParam<Backend> {};

TEST_P(LoopMemory, WhatABurstTookIsGivenBack) {
  const std::unique_ptr<Loop> loop = MakeLoop(GetParam(), kManyBlocks, kLargeBlock);
  ASSERT_NE(loop, nullptr);
  constexpr Duration kPause = std::chrono::milliseconds(100);
  static_cast<PosixLoop&>(*loop).SetGiveBackPause(kPause);
  loop->RunOnce(Duration::zero());  // What a backend lends to its kernel is lent by now.
  BufferPool& pool = loop->buffers();
  const uint16_t free_before = pool.free_count();
  std::vector<BufferRef> blocks;
  while (pool.free_count() > 0) {
    blocks.push_back(pool.Take());
    std::ranges::fill(blocks.back().bytes(), std::byte{0xab});
  }
  blocks.clear();

  // Each wait is longer than the pause between two looks.
  const Instant deadline = loop->Now() + std::chrono::seconds(10);
  while (pool.HasIdlePages() && loop->Now() < deadline) loop->RunOnce(2 * kPause);
  EXPECT_FALSE(pool.HasIdlePages());

  size_t bare = 0;
  while (pool.free_count() > 0) {
    blocks.push_back(pool.Take());
    if (blocks.back().bytes().front() == std::byte{0}) ++bare;
  }
  EXPECT_GE(bare, free_before - kKept);
  EXPECT_LE(bare, free_before - kKept + (pool.block_count() - free_before));
}

INSTANTIATE_TEST_SUITE_P(Loops, LoopMemory, testing::ValuesIn(RealBackends()), BackendName);

}  // namespace
}  // namespace engine
