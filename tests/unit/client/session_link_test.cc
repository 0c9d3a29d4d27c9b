// Goal: a link of either carriage is the same to its owner, finds its way round what stands in it,
// and never lets a user's byte out to somebody else than the node. Method: a relay and a node of
// the test's own, honest or not, on a simulated network with faults by seed.

#include "client/session_link.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_relay.h"

namespace client {
namespace {

using engine::sim::Faults;
using engine::sim::SimLoop;
using Manner = FakeRelay::Manner;

class SessionLinkTest : public testing::Test, private SessionLink::Events {
 protected:
  void Make(uint64_t seed = 1, const Faults& faults = {}) {
    driver_ =
        std::make_unique<engine::LoopDriver>(std::make_unique<SimLoop>(seed, faults, 512, 32768));
    relay_ = std::make_unique<FakeRelay>(*driver_);
  }
  void Dial(LinkTarget target) {
    link_ = std::make_unique<SessionLink>(*driver_, std::move(target), lanes_,
                                          static_cast<SessionLink::Events&>(*this));
    link_->Dial();
  }
  template <class Done>
  bool Run(Done done) {
    const engine::Instant begin = driver_->loop().Now();
    while (!done()) {
      if (driver_->loop().Now() - begin > std::chrono::minutes(3)) return false;
      driver_->RunOnce(std::chrono::milliseconds(50));
      relay_->Step();
      lanes_.Step();
    }
    return true;
  }
  void TearDown() override {
    if (driver_ == nullptr) return;
    if (link_ != nullptr && !ended_) link_->Abort();
    EXPECT_TRUE(Run([this] { return link_ == nullptr || ended_; }));
    link_.reset();
    EXPECT_TRUE(Run([this] { return relay_->Stop(); }));
    EXPECT_TRUE(Run([this] { return driver_->loop().in_flight_count() == 0; }));
    relay_.reset();
    EXPECT_EQ(driver_->loop().buffers().free_count(), driver_->loop().buffers().block_count());
    driver_.reset();
    end_ = {};
    echo_ = {};
    lanes_ = {};
    said_.clear();
    consumed_ = 0;
    ready_ = ended_ = false;
  }

  struct Echo final : engine::StreamEvents {
    void OnData(engine::Channel, engine::BufferRef payload) override {
      heard += engine::AsText(payload.bytes());
    }
    void OnFinished() override {}
    void OnClosed(engine::CloseCode, std::string_view) override { closed = true; }
    std::string heard;
    bool closed = false;
  };
  // Talk sends a word to the node and waits for it to come back. TalkOn does so on the same stream.
  void Talk() {
    engine::TcpRequest request;
    request.host = "db";
    request.port = 5432;
    const std::string json = engine::EncodeOpen(request);
    id_ = link_->multiplexer().Open(engine::Priority::kBulk, engine::AsBytes(json), echo_);
    ASSERT_NE(id_, engine::kLinkStream);
    TalkOn("hello");
  }
  void Write(std::string_view word) {
    engine::BufferRef block = driver_->loop().buffers().Take();
    std::memcpy(block.bytes().data(), word.data(), word.size());
    EXPECT_EQ(link_->multiplexer().Write(id_, engine::Channel::kMain, block.Share(0, word.size())),
              word.size());
    said_ += word;
  }
  void TalkOn(std::string_view word) {
    Write(word);
    EXPECT_TRUE(Run([this] { return echo_.heard == said_; })) << echo_.heard;
    link_->multiplexer().Consume(id_, echo_.heard.size() - consumed_);
    consumed_ = echo_.heard.size();
  }
  // Of a link that resumes: the relay loses its connection, and it is asked for another one.
  void Lose(size_t connection) {
    relay_->Cut(connection);
    ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
    EXPECT_TRUE(link_->multiplexer().suspended());
  }
  void MeetResuming() {
    Make();
    Dial(relay_->Resuming());
    ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
    Talk();
  }
  // What must hold after a lie: the owner never had a link, and nobody heard its hello.
  void ExpectNothingTold() {
    EXPECT_FALSE(ready_);
    for (size_t i = 0; i < relay_->count(); ++i) {
      EXPECT_FALSE(relay_->seen(i).hello_came) << i;
      EXPECT_EQ(relay_->seen(i).stream_count, 0u) << i;
    }
  }

  void OnLinkReady(SessionLink&) override { ready_ = true; }
  void OnLinkEnded(SessionLink&, const LinkEnd& end) override {
    ended_ = true;
    end_ = end;
  }

  std::unique_ptr<engine::LoopDriver> driver_;
  std::unique_ptr<FakeRelay> relay_;
  FakeLanes lanes_;
  std::unique_ptr<SessionLink> link_;
  Echo echo_;
  engine::StreamId id_ = engine::kLinkStream;
  std::string said_;  // On that stream.
  size_t consumed_ = 0;
  bool ready_ = false;
  bool ended_ = false;
  LinkEnd end_;
};

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

// A token that belongs to another session joins us with that session's node, which holds its key.
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

TEST_F(SessionLinkTest, AResumingLinkGoesOnOverOtherConnections) {
  MeetResuming();
  for (size_t i = 0; i < 3; ++i) {
    Lose(i);
    EXPECT_EQ(lanes_.rejoined.back(), 3u);
    Write(" while it was away");
    lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = i + 1});
    ASSERT_TRUE(Run([&] { return relay_->count() == i + 2 && relay_->seen(i + 1).went_on; }));
    TalkOn(" and back");
    EXPECT_EQ(relay_->seen(i + 1).token, "next");
    EXPECT_EQ(relay_->seen(i + 1).stream_count, 0u) << "nothing was opened again";
  }
  EXPECT_FALSE(echo_.closed);
  EXPECT_FALSE(ended_);
}

TEST_F(SessionLinkTest, AnInspectedLaneGoesOnUntilSomebodySaysGoodbye) {
  Make();
  Dial(relay_->InspectedLane());
  ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
  EXPECT_EQ(relay_->seen(0).protocol, "adit-join/1");
  EXPECT_TRUE(relay_->seen(0).wrapped);
  EXPECT_EQ(relay_->seen(0).hello.session_token, "");
  Talk();
  Lose(0);
  Write(" while it was away");
  lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
  ASSERT_TRUE(Run([&] { return relay_->count() == 2 && relay_->seen(1).went_on; }));
  TalkOn(" and back");
  link_->Close();
  ASSERT_TRUE(Run([this] { return ended_ && relay_->seen(1).over; }));
  EXPECT_TRUE(relay_->seen(0).said_goodbye) << "whose multiplexer went on";
}

TEST_F(SessionLinkTest, ARejoinThatIsWantedLeavesAConnectionThatLives) {
  MeetResuming();
  EXPECT_TRUE(link_->Rejoin());
  ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
  ASSERT_TRUE(Run([this] { return relay_->seen(0).over; }));
  lanes_.Answer(absl::UnavailableError("not yet"));
  EXPECT_TRUE(link_->Rejoin()) << "it does not wait for the next try";
  ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
  lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
  ASSERT_TRUE(Run([&] { return relay_->count() == 2 && relay_->seen(1).went_on; }));
  TalkOn(" again");
  TearDown();

  for (const bool sealed : {false, true}) {
    Make();
    Dial(sealed ? relay_->Sealed() : relay_->Inspected());
    EXPECT_FALSE(link_->Rejoin()) << "it is not there yet";
    ASSERT_TRUE(Run([this] { return ready_; }));
    EXPECT_FALSE(link_->Rejoin()) << "it cannot";
    Talk();
    TearDown();
  }
}

TEST_F(SessionLinkTest, WhenTheNetworkHasChangedNobodyWaits) {
  MeetResuming();
  driver_->network().Tell(true);
  TalkOn(" that answers");
  EXPECT_FALSE(link_->multiplexer().suspended()) << "a connection that lives is kept";
  EXPECT_EQ(relay_->count(), 1u);
  Lose(0);
  const auto refuse = [this] { lanes_.Answer(absl::UnavailableError("the relay is away")); };
  for (int i = 0; i < 60; ++i) {
    refuse();
    ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
  }
  refuse();
  driver_->RunOnce(engine::Duration::zero());
  EXPECT_TRUE(lanes_.asked.empty()) << "it waits, for seconds by now";
  driver_->network().Tell(false);
  driver_->RunOnce(engine::Duration::zero());
  EXPECT_TRUE(lanes_.asked.empty()) << "what was lost helps nobody";
  driver_->network().Tell(true);
  driver_->RunOnce(engine::Duration::zero());
  EXPECT_EQ(lanes_.asked.size(), 1u);
  driver_->network().Tell(true);
  EXPECT_FALSE(lanes_.hurried) << "that try has only begun";
  const engine::Instant then = driver_->loop().Now();
  ASSERT_TRUE(Run([&] { return driver_->loop().Now() - then > 2 * LaneReturn::kTryMax; }));
  driver_->network().Tell(true);
  EXPECT_TRUE(lanes_.hurried) << "it went by a way that is no more";
  lanes_.hurried = false;
  refuse();
  ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
  lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
  ASSERT_TRUE(Run([&] { return relay_->count() == 2 && relay_->seen(1).went_on; }));
  TalkOn(" and back");
}

TEST_F(SessionLinkTest, AConnectionWithoutAnAddressOrAWayIsLeft) {
  MeetResuming();
  size_t connection = 0;
  for (const engine::Footing footing : {engine::Footing::kGone, engine::Footing::kStuck}) {
    driver_->network().AskInstead([footing](engine::Socket) { return footing; });
    driver_->network().Tell(false);
    driver_->network().AskInstead(nullptr);
    ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
    EXPECT_TRUE(link_->multiplexer().suspended());
    ++connection;
    lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = connection});
    ASSERT_TRUE(Run([&] { return relay_->count() == connection + 1; }));
    ASSERT_TRUE(Run([&] { return relay_->seen(connection).went_on; }));
    TalkOn(" and back");
  }
}

TEST_F(SessionLinkTest, ATryWhoseAddressIsGoneIsBegunAnewAtOnce) {
  MeetResuming();
  Lose(0);
  lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
  driver_->network().Tell(true);
  EXPECT_TRUE(lanes_.asked.empty()) << "it has only begun";
  driver_->network().AskInstead([](engine::Socket) { return engine::Footing::kGone; });
  driver_->network().Tell(false);
  driver_->network().AskInstead(nullptr);
  ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
  lanes_.Answer(LaneTicket{.token = "last", .loop = 0, .epoch = 2});
  ASSERT_TRUE(Run([&] { return relay_->seen(relay_->count() - 1).went_on; }));
  EXPECT_EQ(relay_->seen(relay_->count() - 1).token, "last");
  TalkOn(" and back");
}

TEST_F(SessionLinkTest, ANetworkWithoutRestMakesNoStorm) {
  MeetResuming();
  Lose(0);
  size_t tries = 0;
  const engine::Instant start = driver_->loop().Now();
  while (driver_->loop().Now() - start < std::chrono::seconds(60)) {
    driver_->network().Tell(true);
    if (!lanes_.asked.empty()) {
      ++tries;
      lanes_.Answer(absl::UnavailableError("the relay is away"));
    }
    driver_->RunOnce(std::chrono::milliseconds(50));
    relay_->Step();
    lanes_.Step();
  }
  EXPECT_LE(tries, 60u * 6);
}

TEST_F(SessionLinkTest, WhatMayPassIsTriedAgainAndWhatMayNotIsTheEnd) {
  MeetResuming();
  Lose(0);
  for (int i = 0; i < 5; ++i) {
    lanes_.Answer(absl::UnavailableError("the relay is away"));
    ASSERT_TRUE(Run([this] { return !lanes_.asked.empty(); }));
  }
  lanes_.Answer(absl::PermissionDeniedError("not any more"));
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(echo_.closed);
  EXPECT_FALSE(end_.unexplained);
  EXPECT_EQ(end_.text, "not any more");
  TearDown();

  MeetResuming();
  Lose(0);
  lanes_.Answer(absl::NotFoundError("the session is over"));
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(end_.unexplained) << "the relay may know why";
}

TEST_F(SessionLinkTest, ANodeThatRefusesToGoOnIsTheEnd) {
  MeetResuming();
  relay_->manners = {Manner::kForgetful};
  Lose(0);
  lanes_.Answer(LaneTicket{.token = "next", .loop = 0, .epoch = 1});
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_NE(end_.text.find("the lane is over"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, PatienceEnds) {
  Make();
  LinkTarget target = relay_->Resuming();
  target.patience = std::chrono::seconds(20);
  Dial(std::move(target));
  ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
  Lose(0);
  ASSERT_TRUE(Run([this] {
    if (!lanes_.asked.empty()) lanes_.Answer(absl::UnavailableError("the relay is away"));
    return ended_;
  }));
  EXPECT_NE(end_.text.find("ADIT_PATIENCE"), std::string::npos) << end_.text;
}

TEST_F(SessionLinkTest, ALinkThatIsAwayCanBeClosed) {
  MeetResuming();
  Lose(0);
  link_->Close();
  EXPECT_TRUE(lanes_.hurried);
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_EQ(end_.text, "") << "it was our wish";
  TearDown();

  MeetResuming();
  Lose(0);
  lanes_.Answer(absl::UnavailableError("the relay is away"));
  link_->Close();
  ASSERT_TRUE(Run([this] { return ended_; }));
  EXPECT_EQ(end_.text, "");
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
