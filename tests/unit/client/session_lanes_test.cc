// Goal: a session gets the lanes that are wanted and no more, while bytes flow, lives as long as
// one of them, and ends with one reason. Method: a relay and a node of the test's own on a
// simulated network; the test answers for the API.

#include "client/session_lanes.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_relay.h"

namespace client {
namespace {

using engine::sim::SimLoop;
using Manner = FakeRelay::Manner;

class SessionLanesTest : public testing::Test, private SessionLanes::Events {
 protected:
  SessionLanesTest()
      : driver_(std::make_unique<SimLoop>(uint64_t{1}, engine::sim::Faults{}, uint16_t{1024},
                                          uint32_t{32768})),
        relay_(driver_) {}

  void Dial(SessionLanes::Count count) { Dial(count, relay_.Sealed()); }
  void Dial(SessionLanes::Count count, LinkTarget target) {
    lanes_ = std::make_unique<SessionLanes>(loops_, std::move(target), "{}", source_, count,
                                            static_cast<SessionLanes::Events&>(*this));
    lanes_->Dial();
  }
  // Answer hands out as many tickets as are asked for.
  void Answer() {
    while (!source_.asked.empty()) {
      source_.Answer(LaneTicket{.token = "lane-" + std::to_string(++tickets_), .loop = 0});
    }
  }
  template <class Done>
  bool Run(Done done, engine::Duration limit = std::chrono::minutes(2)) {
    const engine::Instant begin = driver_.loop().Now();
    while (!done()) {
      if (driver_.loop().Now() - begin > limit) return false;
      driver_.RunOnce(std::chrono::milliseconds(50));
      relay_.Step();
      source_.Step();
    }
    return true;
  }
  void MakeBusy(size_t lane) { lanes_->lanes().NoteBulk(lane, driver_.loop().Now()); }
  size_t count() { return lanes_->lanes().count(); }

  void TearDown() override {
    if (lanes_ != nullptr && !end_) lanes_->Abort();
    EXPECT_TRUE(Run([this] { return lanes_ == nullptr || lanes_->gone(); }));
    lanes_.reset();
    EXPECT_TRUE(Run([this] { return relay_.Stop(); }));
    EXPECT_TRUE(Run([this] { return driver_.loop().in_flight_count() == 0; }));
  }

  void OnLanesReady() override { ++ready_count_; }
  void OnLanesEnded(const LinkEnd& end) override {
    EXPECT_FALSE(end_.has_value());
    end_ = end;
  }
  void OnConnectionRefused(engine::CloseCode, std::string_view) override {}
  void OnConnectionNotTaken(size_t, LocalConnection) override {}
  void OnConnectionOver(size_t) override {}

  engine::LoopDriver driver_;
  FakeRelay relay_;
  FakeLanes source_;
  LaneLoops loops_{driver_};
  std::unique_ptr<SessionLanes> lanes_;
  int ready_count_ = 0;
  int tickets_ = 0;
  std::optional<LinkEnd> end_;
};

TEST_F(SessionLanesTest, OneMoreLaneComesWhenBulkRunsAndNoneAfterIt) {
  Dial({.at_start = 1, .max = 2});
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  EXPECT_TRUE(source_.asked.empty()) << "without bulk one is enough";
  MakeBusy(0);
  MakeBusy(0);
  ASSERT_EQ(source_.asked.size(), 1u) << "asked for once, however often bulk moves";
  Answer();
  MakeBusy(0);
  ASSERT_TRUE(Run([this] { return count() == 2; }));
  EXPECT_EQ(relay_.seen(1).token, "lane-1");
  MakeBusy(0);
  MakeBusy(1);
  EXPECT_TRUE(source_.asked.empty()) << "there are as many as there may be";
  EXPECT_EQ(ready_count_, 1);
}

TEST_F(SessionLanesTest, LanesAtTheStartAreAllThereWhenReadyIsSaid) {
  Dial({.at_start = 4, .max = 4});
  ASSERT_TRUE(Run([this] { return source_.asked.size() == 3; }));
  EXPECT_EQ(ready_count_, 0);
  Answer();
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  EXPECT_EQ(count(), 4u);
}

TEST_F(SessionLanesTest, WithFewerLanesThanAskedForItGoesOn) {
  Dial({.at_start = 3, .max = 3});
  ASSERT_TRUE(Run([this] { return source_.asked.size() == 2; }));
  source_.Answer(absl::FailedPreconditionError("the relay does not know this call"));
  Answer();
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  EXPECT_EQ(count(), 2u);
  MakeBusy(0);
  MakeBusy(1);
  EXPECT_TRUE(source_.asked.empty()) << "it is not asked again";
}

TEST_F(SessionLanesTest, ALaneThatIsNotJoinedLeavesTheOthersAlone) {
  Dial({.at_start = 1, .max = 2});
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  relay_.manners = {Manner::kRefuse};
  MakeBusy(0);
  Answer();
  ASSERT_TRUE(Run([this] { return relay_.count() == 2 && relay_.seen(1).over; }));
  EXPECT_FALSE(Run([this] { return end_.has_value(); }, std::chrono::seconds(1)));
  EXPECT_EQ(count(), 1u);
}

TEST_F(SessionLanesTest, AnInspectedSessionHasOneLane) {
  Dial({.at_start = 4, .max = 4}, relay_.Inspected());
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  MakeBusy(0);
  EXPECT_TRUE(source_.asked.empty());
  EXPECT_EQ(count(), 1u);
}

TEST_F(SessionLanesTest, ABrokenLaneEndsItsStreamsAndNotTheSession) {
  Dial({.at_start = 2, .max = 2});
  ASSERT_TRUE(Run([this] { return source_.asked.size() == 1; }));
  Answer();
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  relay_.Cut(0);
  ASSERT_TRUE(Run([this] { return count() == 1; }));
  EXPECT_FALSE(Run([this] { return end_.has_value(); }, std::chrono::seconds(3)));
  EXPECT_TRUE(lanes_->lanes().Choose(driver_.loop().Now()).has_value());
  relay_.Cut(1);
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_TRUE(end_->unexplained);
}

TEST_F(SessionLanesTest, TheEndOfAllLanesIsOneEndWithItsReason) {
  Dial({.at_start = 3, .max = 3});
  ASSERT_TRUE(Run([this] { return source_.asked.size() == 2; }));
  Answer();
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  for (size_t i = 0; i < 3; ++i) {
    relay_.multiplexer(i).Goaway(engine::CloseCode::kSessionEnded, "Terminated by root.");
  }
  Run([] { return false; }, std::chrono::milliseconds(200));
  for (size_t i = 0; i < 3; ++i) relay_.Cut(i);
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_NE(end_->text.find("Terminated by root."), std::string::npos) << end_->text;
  EXPECT_FALSE(end_->unexplained);
}

TEST_F(SessionLanesTest, WhatWrappedTheFirstLaneWrapsTheOthers) {
  relay_.manners = {Manner::kSwallow};
  Dial({.at_start = 2, .max = 2});
  ASSERT_TRUE(Run([this] { return source_.asked.size() == 1; }));
  Answer();
  ASSERT_TRUE(Run([this] { return source_.asked.size() == 1; })) << "and now the second lane";
  Answer();
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  EXPECT_EQ(relay_.count(), 3u);
  EXPECT_TRUE(relay_.seen(2).wrapped);
}

TEST_F(SessionLanesTest, ClosingWhileALaneIsAskedForEndsSoon) {
  Dial({.at_start = 1, .max = 2});
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  MakeBusy(0);
  ASSERT_EQ(source_.asked.size(), 1u);
  lanes_->Close();
  EXPECT_TRUE(source_.hurried);
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_EQ(end_->text, "");
}

TEST_F(SessionLanesTest, TheEndWhileALaneIsAskedForWaitsForItsAnswer) {
  Dial({.at_start = 1, .max = 2});
  ASSERT_TRUE(Run([this] { return ready_count_ == 1; }));
  MakeBusy(0);
  relay_.Cut(0);
  ASSERT_TRUE(Run([this] { return end_.has_value(); }));
  EXPECT_TRUE(source_.hurried);
  EXPECT_TRUE(source_.asked.empty());
  EXPECT_TRUE(end_->unexplained);
}

}  // namespace
}  // namespace client
