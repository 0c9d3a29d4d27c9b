// Goal: what happened in sealed sessions is told in order, once there is a link, and never piles
// up. Method: messages pushed and flushed by hand.

#include "agent/session/relay_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/sim/sim_loop.h"

namespace agent {
namespace {

engine::StreamNews News(uint32_t serial) {
  engine::StreamNews news;
  news.session_id = "s";
  news.serial = serial;
  return news;
}

// Flush returns what was said, at most `room` messages.
std::vector<engine::ControlMessage> Flush(RelayOutbox& outbox, size_t room) {
  std::vector<engine::ControlMessage> said;
  outbox.Flush([&](std::string_view json) {
    if (said.size() == room) return false;
    said.emplace_back();
    EXPECT_TRUE(engine::Decode(json, said.back()));
    return true;
  });
  return said;
}

TEST(RelayOutboxTest, MessagesGoInOrderAsFarAsTheLinkTakesThem) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  for (uint32_t i = 0; i < 5; ++i) outbox.Push(News(i));
  EXPECT_TRUE(Flush(outbox, 0).empty());
  uint32_t expected = 0;
  for (const size_t room : {size_t{2}, size_t{1}, size_t{9}}) {
    for (const engine::ControlMessage& message : Flush(outbox, room)) {
      EXPECT_EQ(std::get<engine::StreamNews>(message).serial, expected++);
    }
  }
  EXPECT_EQ(expected, 5u);
  EXPECT_EQ(outbox.size(), 0u);
}

TEST(RelayOutboxTest, BeyondTheMaximumMessagesAreDropped) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  for (uint32_t i = 0; i < RelayOutbox::kMessagesMax + 10; ++i) outbox.Push(News(i));
  EXPECT_EQ(outbox.size(), RelayOutbox::kMessagesMax);
  EXPECT_EQ(Flush(outbox, 10'000).size(), RelayOutbox::kMessagesMax);
  outbox.Push(News(7));
  EXPECT_EQ(outbox.size(), 1u) << "and then it works as before";
}

TEST(RelayOutboxTest, NewsOfStreamsCanWaitAndNothingElse) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  outbox.Push(News(1));
  outbox.Push(News(2));
  EXPECT_TRUE(outbox.IsPatient());
  outbox.Push(engine::SessionOver{"s", "why"});
  EXPECT_FALSE(outbox.IsPatient());
  EXPECT_EQ(Flush(outbox, 2).size(), 2u);
  EXPECT_FALSE(outbox.IsPatient()) << "the end of the session is still there";
  EXPECT_EQ(Flush(outbox, 2).size(), 1u);
  outbox.Push(News(3));
  EXPECT_TRUE(outbox.IsPatient());
}

TEST(RelayOutboxTest, TheLoopIsWokenForTheFirstNewsForManyAndForWhatSomebodyWaitsFor) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  const auto is_woken = [&home] {
    const bool woken = home.NextAt() == home.Now();
    home.RunOnce(engine::Duration::zero());
    return woken;
  };
  EXPECT_FALSE(is_woken());
  outbox.Push(News(0));
  EXPECT_TRUE(is_woken());
  for (uint32_t i = 1; i + 1 < RelayOutbox::kGatherMax; ++i) {
    outbox.Push(News(i));
    ASSERT_FALSE(is_woken()) << i;
  }
  EXPECT_TRUE(outbox.IsPatient());
  outbox.Push(News(RelayOutbox::kGatherMax));
  EXPECT_TRUE(is_woken());
  EXPECT_FALSE(outbox.IsPatient());
  Flush(outbox, RelayOutbox::kMessagesMax);
  outbox.Push(News(0));
  EXPECT_TRUE(is_woken());
  outbox.Push(engine::SessionOver{"s", "why"});
  EXPECT_TRUE(is_woken());
}

TEST(RelayOutboxTest, AMessageThatFitsIntoNoFrameIsDropped) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  outbox.Push(engine::SessionOver{"s", std::string(engine::kControlSizeMax, 'x')});
  EXPECT_EQ(outbox.size(), 0u);
}

TEST(RelayOutboxTest, NewStreamsAreRefusedWhileThereIsStillRoomForEnds) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  size_t count = 0;
  while (outbox.HasRoomForStream()) outbox.Push(News(static_cast<uint32_t>(count++)));
  EXPECT_EQ(count, RelayOutbox::kMessagesMax / 2);
}

TEST(RelayOutboxTest, ALostLinkForgetsAnswersAndNothingElse) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  outbox.Push(News(1));
  engine::SessionAnswer answer;
  answer.session_id = "s";
  answer.error = "no";
  outbox.Push(answer);
  outbox.Push(engine::SessionOver{"s", "why"});
  outbox.LinkLost();
  const std::vector<engine::ControlMessage> left = Flush(outbox, 10);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<engine::StreamNews>(left[0]));
  EXPECT_TRUE(std::holds_alternative<engine::SessionOver>(left[1]));
}

TEST(RelayOutboxTest, LostConnectionsAndEndsAreSaidAgainIfTheLinkWasLostWithThem) {
  engine::sim::SimLoop home{1, {}, 16, 1024};
  RelayOutbox outbox(home);
  const auto pass = [&](engine::Duration time) {
    const engine::Instant end = home.Now() + time;
    while (home.Now() < end) home.RunOnce(end - home.Now());
  };
  const auto tokens = [&] {
    std::string all;
    for (const engine::ControlMessage& message : Flush(outbox, 10'000)) {
      if (const auto* lost = std::get_if<engine::LanesLost>(&message)) all += lost->join_token;
    }
    return all;
  };
  outbox.Push(engine::LanesLost{"s", "a"});
  outbox.Push(News(1));
  outbox.Push(engine::LanesLost{"s", "b"});
  EXPECT_EQ(tokens(), "ab");
  EXPECT_EQ(tokens(), "");
  outbox.Push(engine::LanesLost{"s", "c"});
  outbox.LinkLost();
  EXPECT_EQ(outbox.size(), 3u) << "news is told once";
  EXPECT_EQ(tokens(), "abc");
  pass(RelayOutbox::kUnheardMax + std::chrono::seconds(1));
  outbox.LinkLost();
  EXPECT_EQ(tokens(), "") << "that link has lived, so the relay has heard";

  outbox.Push(engine::SessionOver{"s", "why"});
  EXPECT_THAT(Flush(outbox, 10), testing::SizeIs(1));
  outbox.LinkLost();
  const std::vector<engine::ControlMessage> again = Flush(outbox, 10);
  ASSERT_THAT(again, testing::SizeIs(1));
  EXPECT_EQ(std::get<engine::SessionOver>(again[0]).reason, "why");
  pass(RelayOutbox::kUnheardMax + std::chrono::seconds(1));
  outbox.LinkLost();

  for (size_t i = 0; i < 2 * RelayOutbox::kUnheardCountMax; ++i) {
    outbox.Push(engine::LanesLost{"s", "x"});
    tokens();
  }
  outbox.LinkLost();
  EXPECT_EQ(outbox.size(), RelayOutbox::kUnheardCountMax);
}

}  // namespace
}  // namespace agent
