// Goal: data goes with its open over lanes whose other end says that it takes some, over no other
// link, and comes through a lost connection once. Method: session_link_fixture.h; the node answers
// opens when it is told.

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "client/session_link.h"
#include "engine/sim/sim_loop.h"
#include "tests/unit/client/session_link_fixture.h"

namespace client {
namespace {

class SessionLinkEarlyTest : public SessionLinkTest {
 protected:
  enum class Kind { kInspected, kSealed, kResuming, kInspectedLane };

  // Meet brings up a link to a node, or relay, that answers no open yet, and says a word on a
  // stream.
  void Meet(Kind kind, bool takes_early, uint64_t seed = 1,
            const engine::sim::Faults& faults = {}) {
    Make(seed, faults);
    relay_->takes_early = takes_early;
    relay_->holds = true;
    Dial(TargetOf(kind));
    ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
    OpenStream();
    Write("hello");
    ASSERT_TRUE(Run([this] { return relay_->seen(0).held_count == 1; }));
    RunAWhile();
  }
  LinkTarget TargetOf(Kind kind) {
    switch (kind) {
      case Kind::kInspected:
        return relay_->Inspected();
      case Kind::kSealed:
        return relay_->Sealed();
      case Kind::kResuming:
        return relay_->Resuming();
      case Kind::kInspectedLane:
        return relay_->InspectedLane();
    }
    return {};
  }
  void RunAWhile() {
    const engine::Instant begin = driver_->loop().Now();
    ASSERT_TRUE(Run([&] { return driver_->loop().Now() - begin > std::chrono::seconds(1); }));
  }
  uint64_t sent_bytes() { return link_->multiplexer().sent_bytes(); }
};

TEST_F(SessionLinkEarlyTest, OverEveryLaneThatSaysSoAWordGoesWithItsOpen) {
  for (const Kind kind : {Kind::kSealed, Kind::kResuming, Kind::kInspectedLane}) {
    Meet(kind, /*takes_early=*/true);
    EXPECT_EQ(sent_bytes(), said_.size());
    EXPECT_TRUE(relay_->Answer(0));
    EXPECT_EQ(relay_->stream(0, 0).received, "hello") << "it was there before the answer";
    TalkOn(" again");
    TearDown();
  }
}

TEST_F(SessionLinkEarlyTest, WithoutThatNothingIsSentBeforeTheAnswer) {
  // A relay in the middle would have to count it: over its own link it may say what it wants.
  for (const auto& [kind, takes_early] :
       {std::pair{Kind::kSealed, false}, {Kind::kResuming, false}, {Kind::kInspected, true}}) {
    Meet(kind, takes_early);
    EXPECT_EQ(sent_bytes(), 0u);
    EXPECT_TRUE(relay_->Answer(0));
    EXPECT_EQ(relay_->stream(0, 0).received, "");
    TalkOn(" again");
    TearDown();
  }
}

TEST_F(SessionLinkEarlyTest, AConnectionThatIsLostBeforeTheAnswerLosesNothing) {
  for (const Kind kind : {Kind::kResuming, Kind::kInspectedLane}) {
    for (const bool is_answered : {false, true}) {
      Meet(kind, /*takes_early=*/true);
      relay_->Cut(0);
      ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
      if (is_answered) {
        EXPECT_TRUE(relay_->Answer(0));
      }
      Write(" while it was away");
      lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
      ASSERT_TRUE(Run([&] { return relay_->count() == 2 && relay_->seen(1).went_on; }));
      RunAWhile();
      EXPECT_EQ(sent_bytes(), said_.size());
      if (!is_answered) {
        EXPECT_EQ(relay_->seen(0).held_count, 1u) << "it was opened once";
        EXPECT_TRUE(relay_->Answer(0));
      }
      TalkOn(" and back");
      EXPECT_EQ(relay_->stream(0, 0).received, said_);
      TearDown();
    }
  }
}

TEST_F(SessionLinkEarlyTest, AStreamThatIsGivenUpWhileTheLinkIsAwayIsNotAnswered) {
  Meet(Kind::kResuming, /*takes_early=*/true);
  Lose(0);
  link_->multiplexer().Reset(id_, engine::CloseCode::kConnectionReset, "");
  lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
  ASSERT_TRUE(Run([&] { return relay_->count() == 2 && relay_->seen(1).went_on; }));
  RunAWhile();
  EXPECT_FALSE(relay_->Answer(0));
  EXPECT_EQ(relay_->seen(0).stream_count, 0u);
}

TEST_F(SessionLinkEarlyTest, ALinkThatEndsTellsAStreamWithoutAnAnswer) {
  for (const Kind kind : {Kind::kSealed, Kind::kResuming}) {
    Meet(kind, /*takes_early=*/true);
    if (kind == Kind::kResuming) Lose(0);
    link_->Abort();
    ASSERT_TRUE(Run([this] { return ended_; }));
    EXPECT_TRUE(echo_.closed);
    EXPECT_EQ(end_.text, "");
    TearDown();
  }
}

TEST_F(SessionLinkEarlyTest, ItComesOnceOnEverySeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Meet(Kind::kSealed, /*takes_early=*/true, seed, engine::sim::Faults::SwarmThatLasts(seed));
    EXPECT_TRUE(relay_->Answer(0));
    EXPECT_EQ(relay_->stream(0, 0).received, "hello");
    TalkOn(" again");
    TearDown();
  }
}

}  // namespace
}  // namespace client
