// Goal: a new stream never waits behind bulk where it need not, and lanes are asked for when that
// would help. Method: doors that only remember, and times made up by the test.

#include "client/lane_set.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace client {
namespace {

using engine::Instant;
using std::chrono::milliseconds;

class LaneSetTest : public testing::Test, private LaneSet::Events {
 protected:
  struct Door final : LaneDoor {
    void Take(LocalConnection) override {}
    void Shut() override { ++shut_count; }
    int shut_count = 0;
  };

  void Add(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      doors_.push_back(std::make_unique<Door>());
      set_.Add(*doors_.back());
    }
  }
  void OpenStreams(size_t lane, int count) {
    for (int i = 0; i < count; ++i) set_.Took(lane);
  }

  void OnEveryLaneBusy() override { ++all_busy_; }

  std::vector<std::unique_ptr<Door>> doors_;
  LaneSet set_{static_cast<LaneSet::Events&>(*this)};
  int all_busy_ = 0;
  const Instant now_{std::chrono::hours(1)};
};

TEST_F(LaneSetTest, WithoutALaneThereIsNoPlace) { EXPECT_FALSE(set_.Choose(now_).has_value()); }

TEST_F(LaneSetTest, StreamsAreSpreadByTheirNumber) {
  Add(3);
  OpenStreams(0, 2);
  OpenStreams(1, 1);
  OpenStreams(2, 2);
  EXPECT_EQ(set_.Choose(now_), 1u);
  OpenStreams(1, 2);
  EXPECT_EQ(set_.Choose(now_), 0u);
  set_.Left(2);
  EXPECT_EQ(set_.Choose(now_), 2u);
}

TEST_F(LaneSetTest, AClosedLaneIsNotChosenAndKeepsItsNumberUntilItIsGone) {
  Add(2);
  set_.Close(0);
  EXPECT_EQ(set_.count(), 1u);
  EXPECT_EQ(set_.Choose(now_), 1u);
  Add(1);
  EXPECT_EQ(set_.Choose(now_, 0b010), 2u);
  set_.ShutAll();
  for (const auto& door : doors_) EXPECT_EQ(door->shut_count, 1) << "a closed one, too";
}

TEST_F(LaneSetTest, ALaneWithBulkIsLastWhateverElseRunsOnTheOthers) {
  Add(2);
  OpenStreams(1, 5);
  set_.NoteBulk(0, now_);
  EXPECT_EQ(set_.Choose(now_), 1u);
  EXPECT_EQ(set_.Choose(now_ + LaneSet::kBusyAfterBulk), 0u) << "bulk ends, and is forgotten";
}

TEST_F(LaneSetTest, WhatRefusedIsNotChosenAgain) {
  Add(2);
  EXPECT_EQ(set_.Choose(now_, 0b01), 1u);
  EXPECT_FALSE(set_.Choose(now_, 0b11).has_value());
}

TEST_F(LaneSetTest, OneMoreLaneIsWantedOnlyWhileAllAreBusy) {
  Add(2);
  set_.NoteBulk(0, now_);
  EXPECT_EQ(all_busy_, 0);
  set_.NoteBulk(1, now_ + milliseconds(10));
  EXPECT_EQ(all_busy_, 1);
  set_.NoteBulk(1, now_ + LaneSet::kBusyAfterBulk);
  EXPECT_EQ(all_busy_, 1) << "the first one is free by now";
}

TEST_F(LaneSetTest, NumbersAreUsedAgainAndTheOldLaneIsForgotten) {
  Add(2);
  set_.NoteBulk(0, now_);
  set_.Remove(0);
  EXPECT_EQ(set_.count(), 1u);
  EXPECT_EQ(set_.Choose(now_), 1u);
  doors_.push_back(std::make_unique<Door>());
  EXPECT_EQ(set_.Add(*doors_.back()), 0u);
  EXPECT_FALSE(set_.IsBusy(0, now_));
}

TEST_F(LaneSetTest, AsManyLanesAsTheProtocolHasFindAPlace) {
  Add(LaneSet::kLanesMax);
  EXPECT_EQ(set_.count(), LaneSet::kLanesMax);
  EXPECT_EQ(set_.Choose(now_, 0x7FFF), 15u);
}

TEST(BulkMeterTest, BulkIsMuchWithoutAPause) {
  BulkMeter meter;
  Instant now{std::chrono::hours(1)};
  EXPECT_FALSE(meter.Add(BulkMeter::kBulkBytes - 1, now));
  EXPECT_TRUE(meter.Add(1, now));
  now += BulkMeter::kPause + milliseconds(1);
  EXPECT_FALSE(meter.Add(1, now)) << "after a pause it may have become something else";
}

TEST(BulkMeterTest, KeystrokesWithPausesNeverAddUp) {
  BulkMeter meter;
  Instant now{std::chrono::hours(1)};
  for (int i = 0; i < 10'000; ++i) {
    now += BulkMeter::kPause + milliseconds(1);
    ASSERT_FALSE(meter.Add(1000, now));
  }
}

}  // namespace
}  // namespace client
