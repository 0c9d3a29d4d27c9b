// Goal: a link that resumes goes on over other connections, byte for byte, in good time and without
// a storm, until somebody says that it is over. Method: session_link_fixture.h; the test answers
// what is asked of the relay's API itself.

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "client/session_link.h"
#include "tests/unit/client/session_link_fixture.h"

namespace client {
namespace {

using Manner = FakeRelay::Manner;

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
  for (const auto& [duration_max, why] :
       {std::pair{0, "ADIT_PATIENCE"}, std::pair{10, "over, 10 s by its document"}}) {
    Make();
    LinkTarget target = relay_->Resuming();
    target.patience = Patience(std::chrono::seconds(60), std::chrono::seconds(duration_max),
                               driver_->loop().Now());
    Dial(std::move(target));
    ASSERT_TRUE(Run([this] { return ready_ && relay_->seen(0).hello_came; }));
    Lose(0);
    ASSERT_TRUE(Run([this] {
      if (!lanes_.asked.empty()) lanes_.Answer(absl::UnavailableError("the relay is away"));
      return ended_;
    }));
    EXPECT_NE(end_.text.find(why), std::string::npos) << end_.text;
    TearDown();
  }
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

}  // namespace
}  // namespace client
