// Goal: only one reference at a time may write into a part of a block, and the one that says so is
// right.
// Method: room is granted, moved, shared away and absorbed.

#include <utility>

#include "engine/buffer/buffer_pool.h"
#include "gtest/gtest.h"

namespace engine {
namespace {

class BufferRoomTest : public ::testing::Test {
 protected:
  BufferPool pool_{2, 100'000};
};

TEST_F(BufferRoomTest, AReferenceHasNoRoomUntilItIsGranted) {
  BufferRef block = pool_.Take();
  BufferRef slice = block.Share(10, 20);
  EXPECT_EQ(slice.room_before(), 0u);
  EXPECT_EQ(slice.room_after(), 0u);
  slice.GrantRoom(10, 70);
  EXPECT_EQ(slice.room_before(), 10u);
  EXPECT_EQ(slice.room_after(), 70u);
}

TEST_F(BufferRoomTest, RoomOutsideTheBlockCannotBeGranted) {
  const BufferRef block = pool_.Take();
  BufferRef slice = block.Share(10, 20);
  EXPECT_DEATH(slice.GrantRoom(11, 0), "CHECK");
  BufferRef end = block.Share(99'000, 1000);
  EXPECT_DEATH(end.GrantRoom(0, 1), "CHECK");
}

TEST_F(BufferRoomTest, RoomMovesAndIsNeverInTwoHands) {
  const BufferRef block = pool_.Take();
  BufferRef slice = block.Share(10, 20);
  slice.GrantRoom(5, 7);
  BufferRef moved = std::move(slice);
  EXPECT_EQ(moved.room_before(), 5u);
  EXPECT_EQ(moved.room_after(), 7u);
  EXPECT_EQ(slice.room_before(), 0u);
  const BufferRef part = moved.Share(0, 1);
  EXPECT_EQ(part.room_before(), 0u);
  EXPECT_EQ(moved.room_before(), 0u);
  EXPECT_EQ(moved.room_after(), 0u);
}

TEST_F(BufferRoomTest, WhatIsDroppedAtTheFrontBecomesRoom) {
  const BufferRef block = pool_.Take();
  BufferRef slice = block.Share(10, 90'000);
  slice.DropFirst(3);
  EXPECT_EQ(slice.room_before(), 0u);
  slice.GrantRoom(5, 0);
  slice.DropFirst(8);
  EXPECT_EQ(slice.room_before(), 13u);
  EXPECT_EQ(slice.bytes().data(), block.bytes().data() + 21);
  slice.DropFirst(80'000);
  EXPECT_EQ(slice.room_before(), 65'535u) << "less than there is, never more";
}

TEST_F(BufferRoomTest, ASliceAbsorbsWhatFollowsInItsBlockAndNothingElse) {
  BufferRef block = pool_.Take();
  BufferRef other = pool_.Take();
  BufferRef first = block.Share(0, 10);
  BufferRef gap = block.Share(11, 10);
  BufferRef next = block.Share(10, 10);
  EXPECT_FALSE(first.Absorb(gap));
  EXPECT_FALSE(first.Absorb(other));
  EXPECT_EQ(gap.size(), 10u);
  ASSERT_TRUE(first.Absorb(next));
  EXPECT_TRUE(next.empty());
  EXPECT_EQ(first.size(), 20u);
  block = {};
  gap = {};
  other = {};
  EXPECT_EQ(pool_.free_count(), 1u) << "the absorbed reference is one no more";
  first = {};
  EXPECT_EQ(pool_.free_count(), 2u);
}

}  // namespace
}  // namespace engine
