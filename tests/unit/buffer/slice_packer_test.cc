// Goal: small slices share a block, large ones stay where they are, and no byte changes. Method: a
// pool of a few blocks whose free count tells who holds what.

#include "engine/buffer/slice_packer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"

namespace engine {
namespace {

BufferRef Received(BufferPool& pool, const std::string& text) {
  BufferRef block = pool.Take();
  std::memcpy(block.bytes().data(), text.data(), text.size());
  return block.Share(0, text.size());
}

TEST(SlicePackerTest, SmallSlicesShareABlock) {
  BufferPool pool(16, 16 * 1024);
  SlicePacker packer(pool);
  std::vector<BufferRef> held;
  for (int i = 0; i < 100; ++i) held.push_back(packer.Pack(Received(pool, std::to_string(i))));
  EXPECT_EQ(pool.free_count(), 15);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(AsText(held[static_cast<size_t>(i)].bytes()), std::to_string(i));
  }
  packer.Release();
  held.clear();
  EXPECT_EQ(pool.free_count(), 16);
}

TEST(SlicePackerTest, ALargeSliceStaysWhileBlocksArePlenty) {
  BufferPool pool(16, 16 * 1024);
  SlicePacker packer(pool);
  BufferRef large = Received(pool, std::string(16 * 1024 / SlicePacker::kSmallPart, 'x'));
  const std::byte* where = large.bytes().data();
  EXPECT_EQ(packer.Pack(std::move(large)).bytes().data(), where);
}

TEST(SlicePackerTest, WhenBlocksRunShortEverythingIsPacked) {
  BufferPool pool(8, 16 * 1024);
  SlicePacker packer(pool);
  std::vector<BufferRef> others;
  while (pool.free_count() > 2) others.push_back(pool.Take());
  BufferRef first = packer.Pack(Received(pool, std::string(5000, 'a')));
  BufferRef second = packer.Pack(Received(pool, std::string(5000, 'b')));
  EXPECT_EQ(pool.free_count(), 1) << "both share one block";
  EXPECT_EQ(AsText(second.bytes()), std::string(5000, 'b'));
}

TEST(SlicePackerTest, WhatNeedsABlockOfItsOwnAnywayIsNotCopied) {
  BufferPool pool(8, 16 * 1024);
  SlicePacker packer(pool);
  std::vector<BufferRef> others;
  while (pool.free_count() > 1) others.push_back(pool.Take());
  BufferRef large = Received(pool, std::string(9000, 'x'));
  const std::byte* where = large.bytes().data();
  EXPECT_EQ(packer.Pack(std::move(large)).bytes().data(), where);
}

TEST(SlicePackerTest, WithoutAFreeBlockTheSliceItselfIsReturned) {
  BufferPool pool(2, 16 * 1024);
  SlicePacker packer(pool);
  BufferRef other = pool.Take();
  BufferRef slice = Received(pool, "small");
  const std::byte* where = slice.bytes().data();
  EXPECT_EQ(packer.Pack(std::move(slice)).bytes().data(), where);
}

TEST(SlicePackerTest, TheNewestSliceGrowsInPlace) {
  BufferPool pool(8, 16 * 1024);
  SlicePacker packer(pool);
  BufferRef last = packer.Pack(Received(pool, "one "));
  EXPECT_TRUE(packer.AppendTo(last, Received(pool, "two ")));
  EXPECT_TRUE(packer.AppendTo(last, Received(pool, "three")));
  EXPECT_EQ(AsText(last.bytes()), "one two three");
  BufferRef newer = packer.Pack(Received(pool, "newer"));
  EXPECT_FALSE(packer.AppendTo(last, Received(pool, "x"))) << "it is no longer the newest";
  BufferRef foreign = Received(pool, "foreign");
  EXPECT_FALSE(packer.AppendTo(foreign, Received(pool, "x")));
}

}  // namespace
}  // namespace engine
