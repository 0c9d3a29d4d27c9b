// Goal: a link of either carriage is the same to its owner, finds its way round what stands in it,
// and never lets a user's byte out to somebody else than the node. Method: session_link_fixture.h.

#include "client/session_link.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/sim/sim_loop.h"
#include "tests/unit/client/session_link_fixture.h"

namespace client {
namespace {

using engine::sim::Faults;
using Manner = FakeRelay::Manner;

TEST_F(SessionLinkTest, AnInspectedLinkProvesItselfByTheTokenOfItsHello) {
  Make();
  Dial(relay_->Inspected());
  ASSERT_TRUE(Run([this] { return ready_; }));
  EXPECT_EQ(relay_->seen(0).protocol, "adit/1");
  ASSERT_TRUE(Run([this] { return relay_->seen(0).hello_came; }));
  EXPECT_EQ(relay_->seen(0).hello.session_id, "alice-1");
  EXPECT_EQ(relay_->seen(0).hello.session_token, "ticket-1");
  Talk();
}

TEST_F(SessionLinkTest, ASealedLinkJoinsAndTellsTheNodeNoToken) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::SwarmThatLasts(seed);
    Make(seed, faults);
    Dial(relay_->Sealed());
    ASSERT_TRUE(Run([this] { return ready_ || ended_; }));
    ASSERT_TRUE(ready_) << end_.text;
    EXPECT_EQ(relay_->seen(0).protocol, "adit-join/1");
    EXPECT_EQ(relay_->seen(0).token, "ticket-1");
    EXPECT_FALSE(relay_->seen(0).wrapped);
    Talk();
    EXPECT_EQ(relay_->seen(0).hello.role, "client");
    EXPECT_EQ(relay_->seen(0).hello.session_id, "alice-1");
    EXPECT_EQ(relay_->seen(0).hello.session_token, "");
    TearDown();
  }
}

TEST_F(SessionLinkTest, OfBothCarriagesASessionThatMovedIsFollowed) {
  for (const bool sealed : {false, true}) {
    Make();
    relay_->manners = {Manner::kElsewhere};
    Dial(sealed ? relay_->Sealed() : relay_->Inspected());
    ASSERT_TRUE(Run([this] { return ready_ || ended_; }));
    EXPECT_TRUE(ready_) << end_.text;
    EXPECT_EQ(relay_->count(), 2u);
    EXPECT_EQ(link_->target().ticket.loop, 7u);
    TearDown();
  }
}

TEST_F(SessionLinkTest, ARelayThatSendsUsInACircleIsGivenUp) {
  for (const bool sealed : {false, true}) {
    Make();
    relay_->manners.assign(10, Manner::kElsewhere);
    Dial(sealed ? relay_->Sealed() : relay_->Inspected());
    ASSERT_TRUE(Run([this] { return ended_; }));
    EXPECT_EQ(relay_->count(), static_cast<size_t>(SessionLink::kDialsMax));
    EXPECT_NE(end_.text.find("in a circle"), std::string::npos) << end_.text;
    TearDown();
  }
}

TEST_F(SessionLinkTest, AnotherKeyThanThePromisedOneHearsNothing) {
  Make();
  relay_->manners = {Manner::kOtherKey};
  Dial(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ended_; }));
  ExpectNothingTold();
  EXPECT_NE(end_.text.find("no end-to-end encryption with web-1"), std::string::npos) << end_.text;
  EXPECT_NE(end_.text.find("another key"), std::string::npos) << end_.text;
  EXPECT_EQ(relay_->count(), 1u) << "and is not tried a second time";
}

TEST_F(SessionLinkTest, ASwappedTokenIsRefusedWithAReason) {
  Make();
  relay_->manners = {Manner::kRefuse};
  LinkTarget target = relay_->Sealed();
  target.ticket.token = "of another session";
  Dial(target);
  ASSERT_TRUE(Run([this] { return ended_; }));
  ExpectNothingTold();
  EXPECT_EQ(relay_->seen(0).token, "of another session");
  EXPECT_NE(end_.text.find("did not accept the session's token"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, ASwappedTokenThatIsJoinedMeetsAnotherKey) {
  Make();
  relay_->manners = {Manner::kOtherKey};
  LinkTarget target = relay_->Sealed();
  target.ticket.token = "of another session";
  Dial(target);
  ASSERT_TRUE(Run([this] { return ended_; }));
  ExpectNothingTold();
  EXPECT_NE(end_.text.find("another key"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, AnEndThatSaysItIsNoNodeIsRefused) {
  Make();
  relay_->manners = {Manner::kWrongRole};
  Dial(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_FALSE(ready_);
  EXPECT_EQ(relay_->seen(0).stream_count, 0u);
  EXPECT_NE(end_.text.find("answered as 'relay'"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, AnEndThatSaysItIsNoRelayIsRefused) {
  Make();
  relay_->manners = {Manner::kWrongRole};
  Dial(relay_->Inspected());
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_FALSE(ready_);
  EXPECT_EQ(relay_->seen(0).stream_count, 0u);
  EXPECT_NE(end_.text.find("answered as 'node' and not as a relay"), std::string::npos)
      << end_.text;
}

TEST_F(SessionLinkTest, WhereRawBytesDoNotPassANewTicketGoesWrapped) {
  // Whether what is in between cuts without a word, or answers what is no TLS of its own.
  for (const Manner manner : {Manner::kSwallow, Manner::kEndsTls}) {
    Make();
    relay_->manners = {manner};
    Dial(relay_->Sealed());
    ASSERT_TRUE(Run([this] { return lanes_.asked.size() == 1 || ended_; }));
    ASSERT_FALSE(ended_) << end_.text;
    lanes_.Answer(LaneTicket{.token = "ticket-2", .loop = 3});
    ASSERT_TRUE(Run([this] { return ready_ || ended_; }));
    ASSERT_TRUE(ready_) << end_.text;
    EXPECT_EQ(relay_->seen(1).token, "ticket-2");
    EXPECT_TRUE(relay_->seen(1).wrapped);
    EXPECT_TRUE(link_->target().wrapped);
    echo_ = {};
    Talk();
    TearDown();
  }
}

TEST_F(SessionLinkTest, WrappedIsTriedOnce) {
  Make();
  relay_->manners = {Manner::kOtherKey};
  LinkTarget target = relay_->Sealed();
  target.wrapped = true;
  Dial(target);
  ASSERT_TRUE(Run([this] { return ended_; }));
  ExpectNothingTold();
  EXPECT_TRUE(lanes_.asked.empty());
  EXPECT_NE(end_.text.find("another key"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, WithoutANewTicketBothReasonsAreTheEnd) {
  Make();
  relay_->manners = {Manner::kSwallow};
  Dial(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return lanes_.asked.size() == 1; }));
  lanes_.Answer(absl::UnavailableError("no lane today"));
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_TRUE(end_.text.starts_with("no end-to-end encryption with web-1")) << end_.text;
  EXPECT_TRUE(end_.text.ends_with("inside the relay's TLS: no lane today")) << end_.text;
}

TEST_F(SessionLinkTest, WhileATicketIsAwaitedTheLinkCanBeClosed) {
  Make();
  relay_->manners = {Manner::kSwallow};
  Dial(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return lanes_.asked.size() == 1; }));
  link_->Close();
  EXPECT_TRUE(lanes_.hurried);
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_EQ(end_.text, "") << "it was our wish";
}

TEST_F(SessionLinkTest, ACutWithoutAWordIsUnexplainedAndAGoodbyeIsNot) {
  Make();
  Dial(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ready_; }));
  Talk();
  relay_->Cut(0);
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_TRUE(echo_.closed);
  EXPECT_TRUE(end_.unexplained);
  EXPECT_NE(end_.text.find("the connection to web-1 through the relay 10.0.0.1:443"),
            std::string::npos)
      << end_.text;
  TearDown();

  Make();
  Dial(relay_->Sealed());
  ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
  relay_->multiplexer(0).Goaway(engine::CloseCode::kSessionEnded, "Terminated by root.");
  ASSERT_TRUE(Run([this] { return link_->leaving(); }));
  relay_->Cut(0);
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_FALSE(end_.unexplained);
  EXPECT_NE(end_.text.find("Terminated by root."), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, AnInspectedCutNeedsNobodyToExplainIt) {
  Make();
  Dial(relay_->Inspected());
  ASSERT_TRUE(Run([this] { return ready_; }));
  relay_->Cut(0);
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_FALSE(end_.unexplained);
}

TEST_F(SessionLinkTest, BrokenNetworksEndEveryLinkAndLeaveNothing) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::Swarm(seed);
    faults.reset = 5;
    Make(seed, faults);
    Dial(seed % 2 == 0 ? relay_->Sealed() : relay_->Inspected());
    ASSERT_TRUE(Run([&] {
      // Some links break before they are there, and some of those ask for another ticket.
      while (!lanes_.asked.empty()) lanes_.Answer(LaneTicket{.token = "next", .loop = 0});
      return ready_ || ended_;
    }));
    EXPECT_TRUE(ready_ || !end_.text.empty());
    TearDown();
  }
}

}  // namespace
}  // namespace client
