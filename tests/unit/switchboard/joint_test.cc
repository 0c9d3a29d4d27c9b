// Goal: what one side of a lane says, the other one hears, as it is and in order, and each end is
// passed on; nothing is held without a bound, and nothing stays when it is over.
// Method: both joints between two bare peers on a simulated network, calm and with faults by seed.

#include "relay/switchboard/joint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/sim/sim_loop.h"
#include "relay/switchboard/leg_joint.h"
#include "relay/switchboard/socket_leg.h"
#include "relay/switchboard/splice_joint.h"
#include "tests/unit/switchboard/bare_peer.h"

namespace relay {
namespace {

using engine::CloseMode;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::HasSubstr;

constexpr uint16_t kBlockCount = 64;
constexpr uint32_t kBlockSize = 32 * 1024;
constexpr engine::sim::Faults kCalm = {
    .delay = 0, .short_receive = 0, .short_send = 0, .cancel_loses = 0, .reset_loses_bytes = 0};

enum class Way { kSplice, kLegs };

class JointTest : public testing::TestWithParam<Way>, private Joint::Events {
 protected:
  ~JointTest() override { Destroy(); }

  // Make joins a new pair of peers. What is unread came with the sockets.
  void Make(const engine::sim::Faults& faults = kCalm, uint64_t seed = 1,
            const std::vector<std::string>& client_unread = {},
            const std::vector<std::string>& node_unread = {}) {
    Destroy();
    loop_ = std::make_unique<engine::sim::SimLoop>(seed, faults, kBlockCount, kBlockSize);
    const auto client_pair = loop_->ConnectedPair();
    const auto node_pair = loop_->ConnectedPair();
    client_ = std::make_unique<BarePeer>(*loop_, client_pair[0]);
    node_ = std::make_unique<BarePeer>(*loop_, node_pair[0]);
    half_over_count_ = 0;
    why_.reset();
    engine::DetachedSocket client{client_pair[1], Blocks(client_unread)};
    engine::DetachedSocket node{node_pair[1], Blocks(node_unread)};
    Joint::Events& events = *this;
    if (GetParam() == Way::kSplice) {
      joint_ = std::make_unique<SpliceJoint>(*loop_, std::move(client), std::move(node), events);
      return;
    }
    joint_ =
        std::make_unique<LegJoint>(std::make_unique<SocketLeg>(*loop_, std::move(client)),
                                   std::make_unique<SocketLeg>(*loop_, std::move(node)), events);
  }

  // Run goes on until `done`, or for ten minutes of virtual time; then it is false.
  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = loop_->Now() + minutes(10);
    while (!done()) {
      if (loop_->Now() >= end) return false;
      loop_->RunOnce(milliseconds(100));
    }
    return true;
  }
  void RunFor(engine::Duration time) {
    const engine::Instant end = loop_->Now() + time;
    while (loop_->Now() < end) loop_->RunOnce(milliseconds(10));
  }

  bool over() const { return why_.has_value(); }

  std::unique_ptr<engine::sim::SimLoop> loop_;
  std::unique_ptr<Joint> joint_;
  std::unique_ptr<BarePeer> client_, node_;
  int half_over_count_ = 0;
  std::optional<std::string> why_;
  uint64_t to_node_bytes_ = 0, to_client_bytes_ = 0;

 private:
  void OnJointHalfOver() override {
    EXPECT_FALSE(over());
    ++half_over_count_;
  }
  void OnJointOver(std::string why) override {
    ASSERT_FALSE(over()) << "it is over once";
    why_ = std::move(why);
    to_node_bytes_ = joint_->to_node_bytes();
    to_client_bytes_ = joint_->to_client_bytes();
    joint_.reset();
  }

  std::vector<engine::BufferRef> Blocks(const std::vector<std::string>& texts) {
    std::vector<engine::BufferRef> blocks;
    for (const std::string& text : texts) {
      blocks.push_back(loop_->buffers().Take());
      std::copy_n(engine::AsBytes(text).begin(), text.size(), blocks.back().bytes().begin());
      blocks.back().KeepFirst(text.size());
    }
    return blocks;
  }

  // Destroy ends what is left, and finds what leaked.
  void Destroy() {
    if (loop_ == nullptr) return;
    if (joint_ != nullptr) joint_->Cut();
    client_->Close();
    node_->Close();
    EXPECT_TRUE(Run([&] { return over() && client_->closed() && node_->closed(); }));
    client_.reset();
    node_.reset();
    EXPECT_EQ(loop_->in_flight_count(), 0u);
    EXPECT_EQ(loop_->network().open_count(), 0u);
    EXPECT_EQ(loop_->buffers().free_count(), kBlockCount);
    loop_.reset();
  }
};

INSTANTIATE_TEST_SUITE_P(Ways, JointTest, testing::Values(Way::kSplice, Way::kLegs),
                         [](const auto& info) {
                           return info.param == Way::kSplice ? "Splice" : "Legs";
                         });

TEST_P(JointTest, BytesAndEndsPassBothWays) {
  Make();
  client_->Say("question");
  client_->Finish();
  ASSERT_TRUE(Run([&] { return node_->ended; }));
  EXPECT_EQ(node_->heard, "question");
  EXPECT_EQ(half_over_count_, 1);
  EXPECT_FALSE(over()) << "the node may answer";
  node_->Say("answer");
  ASSERT_TRUE(Run([&] { return client_->heard == "answer"; }));
  EXPECT_FALSE(client_->ended);
  node_->Finish();
  ASSERT_TRUE(Run([&] { return client_->ended && over(); }));
  EXPECT_EQ(*why_, "the client's connection was closed") << "who ended first";
  EXPECT_EQ(to_node_bytes_, 8u);
  EXPECT_EQ(to_client_bytes_, 6u);
}

TEST_P(JointTest, TheNodeMayEndFirst) {
  Make();
  node_->Finish();
  ASSERT_TRUE(Run([&] { return client_->ended; }));
  client_->Say("still here");
  client_->Finish();
  ASSERT_TRUE(Run([&] { return over(); }));
  EXPECT_EQ(node_->heard, "still here");
  EXPECT_EQ(*why_, "the node's connection was closed");
}

TEST_P(JointTest, WhatCameWithTheSocketsGoesFirst) {
  Make(kCalm, 1, {"one ", "two ", "three "}, {"eins "});
  client_->Say("four");
  node_->Say("zwei");
  client_->Finish();
  node_->Finish();
  ASSERT_TRUE(Run([&] { return over() && node_->ended && client_->ended; }));
  EXPECT_EQ(node_->heard, "one two three four");
  EXPECT_EQ(client_->heard, "eins zwei");
  EXPECT_EQ(to_node_bytes_, 18u);
  EXPECT_EQ(to_client_bytes_, 9u);
}

TEST_P(JointTest, AResetOfOneSideEndsTheOther) {
  for (const bool is_client : {true, false}) {
    Make();
    client_->Say("x");
    ASSERT_TRUE(Run([&] { return node_->heard == "x"; }));
    BarePeer& broken = is_client ? *client_ : *node_;
    BarePeer& other = is_client ? *node_ : *client_;
    broken.Close(CloseMode::kReset);
    ASSERT_TRUE(Run([&] { return other.was_reset || other.ended; }));
    other.Close();
    ASSERT_TRUE(Run([&] { return over(); }));
    EXPECT_THAT(*why_, HasSubstr(is_client ? "the client's connection" : "the node's connection"));
  }
}

TEST_P(JointTest, ACutResetsBothInALaterIteration) {
  Make();
  client_->Say("x");
  ASSERT_TRUE(Run([&] { return node_->heard == "x"; }));
  joint_->Cut();
  EXPECT_FALSE(over());
  joint_->Cut();
  ASSERT_TRUE(Run([&] { return over() && client_->was_reset && node_->was_reset; }));
  EXPECT_THAT(*why_, HasSubstr("cut"));
  EXPECT_EQ(to_node_bytes_, 1u);
}

TEST_P(JointTest, ACutAtOnceAwaitsWhatWasUnread) {
  Make(kCalm, 1, {"a", "b"}, {"c"});
  joint_->Cut();
  ASSERT_TRUE(Run([&] { return over(); }));
}

TEST_P(JointTest, ACutDoesNotWaitForWhoDoesNotRead) {
  Make();
  node_->Pause();
  client_->Say(std::string(2'000'000, 'c'));
  RunFor(std::chrono::seconds(1));
  joint_->Cut();
  const engine::Instant start = loop_->Now();
  ASSERT_TRUE(Run([&] { return over(); }));
  EXPECT_LT(loop_->Now() - start, milliseconds(100));
}

TEST_P(JointTest, WhoDoesNotReadStopsWhoSendsAndNothingElse) {
  Make();
  const std::string much(4'000'000, 'c');
  node_->Pause();
  client_->Say(much);
  RunFor(std::chrono::seconds(10));
  // The kernel's buffers, and what a joint may hold.
  EXPECT_LT(node_->heard.size(), 100'000u);
  EXPECT_LT(joint_->to_node_bytes(), 2u * 64 * 1024 + Leg::kWaitingMax * kBlockSize);
  EXPECT_EQ(client_->said_size, 0u) << "the one send still waits";
  node_->Say("meanwhile");
  ASSERT_TRUE(Run([&] { return client_->heard == "meanwhile"; }));
  node_->ReadOn();
  ASSERT_TRUE(Run([&] { return node_->heard.size() == much.size(); }));
  EXPECT_EQ(node_->heard, much);
}

TEST_P(JointTest, WhatWasSaidBeforeTheEndArrivesWhateverTheNetworkDoesShortOfBreaking) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    engine::Random random(seed);
    engine::sim::Faults faults = engine::sim::Faults::Swarm(seed);
    faults.reset = 0;
    const auto text = [&random](uint64_t most) {
      std::string bytes(random.Range(1, most), '\0');
      for (char& byte : bytes) byte = static_cast<char>(random.Next());
      return bytes;
    };
    const std::string first = text(kBlockSize), second = text(300'000), back = text(300'000);
    Make(faults, seed, {first}, {});
    client_->Say(second);
    client_->Finish();
    node_->Say(back);
    node_->Finish();
    ASSERT_TRUE(Run([&] { return over() && node_->ended && client_->ended; }));
    EXPECT_TRUE(node_->heard == first + second);
    EXPECT_TRUE(client_->heard == back);
    EXPECT_EQ(to_node_bytes_, first.size() + second.size());
    EXPECT_EQ(to_client_bytes_, back.size());
    EXPECT_EQ(half_over_count_ > 0, true);
  }
}

TEST_P(JointTest, WhenItBreaksWhatArrivedIsTheBeginningOfWhatWasSaid) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    engine::sim::Faults faults = engine::sim::Faults::Swarm(seed);
    faults.reset = 2;
    Make(faults, seed, {"first "}, {"zuerst "});
    const std::string said(200'000, 'c'), back(200'000, 'n');
    client_->Say(said);
    node_->Say(back);
    client_->Finish();
    // Who hears of an end leaves: otherwise it would be for the lane to end it.
    ASSERT_TRUE(Run([&] {
      if (client_->ended || client_->was_reset) client_->Close();
      if (node_->ended || node_->was_reset) node_->Close();
      return over();
    }));
    EXPECT_TRUE(("first " + said).starts_with(node_->heard));
    EXPECT_TRUE(("zuerst " + back).starts_with(client_->heard));
  }
}

TEST(LegJointTest, ASideThatFailedBeforeItBeganCutsTheOther) {
  struct Watcher final : Joint::Events {
    void OnJointHalfOver() override {}
    void OnJointOver(std::string) override { is_over = true; }
    bool is_over = false;
  } watcher;
  engine::sim::SimLoop loop(1, kCalm, kBlockCount, kBlockSize);
  const auto pair = loop.ConnectedPair();
  BarePeer peer(loop, pair[0]);
  Joint::Events& events = watcher;
  LegJoint joint(nullptr, std::make_unique<SocketLeg>(loop, engine::DetachedSocket{pair[1], {}}),
                 events);
  for (int i = 0; i < 100 && !peer.was_reset; ++i) loop.RunOnce(milliseconds(10));
  EXPECT_TRUE(peer.was_reset);
  EXPECT_TRUE(watcher.is_over);
  peer.Close();
  while (!peer.closed()) loop.RunOnce(milliseconds(10));
}

}  // namespace
}  // namespace relay
