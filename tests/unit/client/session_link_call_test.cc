// Goal: a link goes on with the connection of the call that started its session, and where that is
// over it finds another way or says why not. Method: session_link_fixture.h, and a call before.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "engine/net/https_client.h"
#include "tests/unit/client/session_link_fixture.h"

namespace client {
namespace {

using engine::sim::Faults;
using Manner = FakeRelay::Manner;

class SessionLinkCallTest : public SessionLinkTest {
 protected:
  // Call makes the call; its connection is the relay's first.
  void Call(Manner manner, uint64_t seed = 1, const Faults& faults = {}) {
    Make(seed, faults);
    relay_->manners = {manner};
    calls_.emplace(*driver_, relay_->CallsContext(), FakeRelay::address());
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay");
    bool is_answered = false;
    calls_->Call(std::move(request), [&](engine::CallResult result) {
      is_answered = result.kind == engine::CallResult::Kind::kResponse;
    });
    ASSERT_TRUE(Run([&] { return is_answered; }));
    ASSERT_TRUE(calls_->can_join());
  }
  void DialWithIt(LinkTarget target) {
    target.calls = &*calls_;
    Dial(std::move(target));
    EXPECT_FALSE(calls_->can_join());
    EXPECT_EQ(link_->target().calls, nullptr) << "it is taken once";
  }
  void TearDown() override {
    if (driver_ == nullptr) return;
    calls_->Close();
    EXPECT_TRUE(Run([this] { return calls_->joined(); }));
    calls_.reset();
    SessionLinkTest::TearDown();
  }

  std::optional<engine::HttpsClient> calls_;
};

TEST_F(SessionLinkCallTest, TheConnectionOfTheCallBecomesTheLane) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Call(Manner::kHonest, seed, Faults::SwarmThatLasts(seed));
    DialWithIt(seed % 2 == 0 ? relay_->Sealed() : relay_->InspectedLane());
    ASSERT_TRUE(Run([this] { return ready_ || ended_; }));
    ASSERT_TRUE(ready_) << end_.text;
    Talk();
    EXPECT_EQ(relay_->count(), 1u);
    EXPECT_EQ(relay_->seen(0).protocol, "adit-api/1");
    EXPECT_EQ(relay_->seen(0).token, "ticket-1");
    TearDown();
  }
}

TEST_F(SessionLinkCallTest, WhereThatWasClosedBeforeTheJoinAnotherIsDialled) {
  Call(Manner::kClosesJoin);
  DialWithIt(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ready_ || ended_; }));
  ASSERT_TRUE(ready_) << end_.text;
  Talk();
  EXPECT_EQ(relay_->count(), 2u);
  EXPECT_EQ(relay_->seen(1).protocol, "adit-join/1");
  EXPECT_EQ(relay_->seen(1).token, "ticket-1");
}

// The relay may have taken the token before: it is not shown once more.
TEST_F(SessionLinkCallTest, WhereThatWasCutTheLinkEnds) {
  Call(Manner::kCutsJoin);
  DialWithIt(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ended_; }));
  ExpectNothingTold();
  EXPECT_EQ(relay_->count(), 1u);
  EXPECT_NE(end_.text.find("ended the connection too early"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkCallTest, ASessionThatMovedIsFollowedFromThereToo) {
  Call(Manner::kElsewhere);
  DialWithIt(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ready_ || ended_; }));
  EXPECT_TRUE(ready_) << end_.text;
  EXPECT_EQ(relay_->count(), 2u);
  EXPECT_EQ(link_->target().ticket.loop, 7u);
}

TEST_F(SessionLinkCallTest, ALinkThatIsGivenUpBeforeTheJoinLeavesNothing) {
  Call(Manner::kHonest);
  DialWithIt(relay_->Sealed());
  link_->Abort();
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_FALSE(ready_);
}

}  // namespace
}  // namespace client
