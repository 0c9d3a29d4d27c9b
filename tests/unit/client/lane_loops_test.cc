// Goal: lanes on threads of their own are dialled, refuse connections until they are up, end and
// go, and what they say arrives on the command's thread in order. Method: real loops and threads; a
// port of loopback that answers nobody.

#include "client/lane_loops.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/base/check.h"

namespace client {
namespace {

class LaneLoopsTest : public testing::Test, private LaneListener {
 protected:
  static engine::LoopOptions Options() {
    return {.block_count = 256, .block_size = 32 * 1024, .is_logged = false};
  }

  LaneLoopsTest() : driver_(*engine::CreateLoop(Options())) {
    // A port that was free a moment ago; nobody listens there.
    const engine::Opened opened = driver_.loop().Listen(Loopback(0), 1);
    EXPECT_EQ(opened.error, engine::IoError::kNone);
    port_ = driver_.loop().LocalAddress(opened.socket).port();
    driver_.loop().Release(opened.socket);
    ::close(static_cast<int>(opened.socket.handle));
  }

  static engine::Address Loopback(uint16_t port) {
    engine::Address address;
    CHECK(engine::Address::Parse("127.0.0.1", port, address));
    return address;
  }

  LaneName Dial(size_t ordinal) {
    const LaneName name{static_cast<LaneListener*>(this), next_number_++};
    lanes_.push_back(&loops_->ForLane(ordinal));
    auto plan = std::make_unique<LanePlan>();
    plan->name = name;
    plan->home = &driver_.mailbox();
    plan->target.relay = {"127.0.0.1", port_};
    plan->target.node_label = "web-1";
    plan->request = "{}";
    lanes_.back()->Dial(std::move(plan));
    return name;
  }

  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = driver_.loop().Now() + std::chrono::seconds(30);
    while (!done()) {
      if (driver_.loop().Now() >= end) return false;
      driver_.RunOnce(std::chrono::milliseconds(20));
    }
    return true;
  }

  void OnLaneReady(Ready) override { ADD_FAILURE() << "nobody is there"; }
  void OnLaneAsks(uint32_t) override { ADD_FAILURE(); }
  void OnLaneRejoins(Rejoin) override { ADD_FAILURE() << "it never was up"; }
  void OnLaneHurries(uint32_t) override {}
  void OnLaneBulk(uint32_t) override { ADD_FAILURE(); }
  void OnConnectionRefused(std::unique_ptr<Refusal>) override { ADD_FAILURE(); }
  void OnConnectionNotTaken(NotTaken connection) override {
    ::close(connection.connection.descriptor);
    ++not_taken_;
  }
  void OnConnectionOver(uint32_t) override { ADD_FAILURE(); }
  void OnLaneDown(std::unique_ptr<Down> down) override {
    EXPECT_EQ(down->end.text.empty(), closing_) << "an end that nobody asked for has a reason";
    EXPECT_FALSE(gone_.contains(down->lane));
    down_.insert(down->lane);
  }
  void OnLaneGone(uint32_t lane) override { gone_.insert(lane); }

  engine::LoopDriver driver_;
  std::unique_ptr<LaneLoops> loops_ = std::make_unique<LaneLoops>(driver_, Options());
  uint16_t port_ = 0;
  uint32_t next_number_ = 0;
  std::vector<LaneLoop*> lanes_;
  std::set<uint32_t> down_;
  std::set<uint32_t> gone_;
  int not_taken_ = 0;
  bool closing_ = false;
};

TEST_F(LaneLoopsTest, TheFirstTwoLanesAreOnTwoLoops) {
  EXPECT_NE(&loops_->ForLane(0), &loops_->ForLane(1));
  EXPECT_EQ(&loops_->ForLane(0), &loops_->ForLane(0));
}

TEST_F(LaneLoopsTest, ALaneThatIsNotUpGivesConnectionsBackAndGoesWhenItIsTold) {
  std::vector<LaneName> names;
  for (size_t ordinal = 0; ordinal < 8; ++ordinal) names.push_back(Dial(ordinal));
  for (size_t i = 0; i < names.size(); ++i) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    ::close(pair[1]);
    lanes_[i]->Take(names[i], {.descriptor = pair[0]});
  }
  ASSERT_TRUE(Run([&] { return down_.size() == names.size() && not_taken_ == 8; }));
  EXPECT_TRUE(gone_.empty()) << "a connection could still be on its way";
  for (size_t i = 0; i < names.size(); ++i) lanes_[i]->Order(names[i], LaneOrder::kLeave);
  ASSERT_TRUE(Run([&] { return gone_.size() == names.size(); }));
  loops_.reset();  // And the threads with it.
}

TEST_F(LaneLoopsTest, LanesThatAreAbortedAtOnceEndAsWell) {
  closing_ = true;
  std::vector<LaneName> names;
  for (size_t ordinal = 0; ordinal < 4; ++ordinal) {
    const LaneName& name = names.emplace_back(Dial(ordinal));
    lanes_[ordinal]->Order(name, LaneOrder::kClose);
    lanes_[ordinal]->Order(name, LaneOrder::kAbort);
    lanes_[ordinal]->Order(name, LaneOrder::kShut);
  }
  ASSERT_TRUE(Run([&] { return down_.size() == 4; }));
  for (size_t i = 0; i < names.size(); ++i) lanes_[i]->Order(names[i], LaneOrder::kLeave);
  ASSERT_TRUE(Run([&] { return gone_.size() == 4; }));
}

}  // namespace
}  // namespace client
