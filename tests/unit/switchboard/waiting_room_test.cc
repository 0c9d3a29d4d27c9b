// Goal: those whose sessions run go first, and who only says so gains a share and no more; nobody
// waits for ever, and the room is bounded. Method: guests by number.

#include "relay/switchboard/waiting_room.h"

#include <gtest/gtest.h>

#include <string>

namespace relay {
namespace {

bool Enter(WaitingRoom& room, uint32_t number, bool is_live) {
  return room.Enter({.socket = {}, .first_bytes = "hello", .loop_index = number}, is_live);
}
uint32_t Next(WaitingRoom& room) { return room.Next().loop_index.value(); }

TEST(WaitingRoom, EachQueueIsInTheOrderOfArrival) {
  WaitingRoom room;
  for (uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(Enter(room, i, false));
  for (uint32_t i = 100; i < 102; ++i) EXPECT_TRUE(Enter(room, i, true));
  for (const uint32_t expected : {100u, 101u, 0u, 1u, 2u, 3u}) EXPECT_EQ(Next(room), expected);
  EXPECT_TRUE(room.empty());
}

TEST(WaitingRoom, WhoSaysThatItsSessionRunsTakesAShareAndNoMore) {
  WaitingRoom room;
  for (uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(Enter(room, i, false));
  for (uint32_t i = 0; i < 1000; ++i) EXPECT_TRUE(Enter(room, 1000 + i, true));
  uint32_t ordinary = 0;
  for (uint32_t turn = 1; ordinary < 100; ++turn) {
    const uint32_t number = Next(room);
    const bool is_ordinary = number < 1000;
    EXPECT_EQ(is_ordinary, turn % (WaitingRoom::kLiveTurns + 1) == 0) << turn;
    if (!is_ordinary) continue;
    EXPECT_EQ(number, ordinary++);
  }
}

TEST(WaitingRoom, WhoCannotBeAmongTheLiveWaitsWithTheOthersAndThenNotAtAll) {
  WaitingRoom room;
  for (uint32_t i = 0; i < WaitingRoom::kLiveMax; ++i) EXPECT_TRUE(Enter(room, i, true));
  EXPECT_EQ(room.ordinary_count(), 0u);
  for (uint32_t i = 0; i < WaitingRoom::kOrdinaryMax; ++i) EXPECT_TRUE(Enter(room, i, i % 2 == 0));
  EXPECT_EQ(room.live_count(), WaitingRoom::kLiveMax);
  EXPECT_EQ(room.ordinary_count(), WaitingRoom::kOrdinaryMax);
  EXPECT_FALSE(Enter(room, 0, true));
  EXPECT_FALSE(Enter(room, 0, false));
  Next(room);
  EXPECT_TRUE(Enter(room, 0, true)) << "a live one has left";
  EXPECT_FALSE(Enter(room, 0, false)) << "and no other";
}

TEST(WaitingRoom, AHelloHasAMaximum) {
  WaitingRoom room;
  const std::string most(WaitingRoom::kHelloSizeMax, 'x');
  EXPECT_TRUE(room.Enter({.socket = {}, .first_bytes = most, .loop_index = 0}, false));
  EXPECT_FALSE(room.Enter({.socket = {}, .first_bytes = most + "x", .loop_index = 0}, true));
}

TEST(WaitingRoom, LiveIsWhoSaysSoAndWhoComesForALane) {
  EXPECT_TRUE(SaysLive({"adit/1", "adit-live"}));
  EXPECT_TRUE(SaysLive({"adit-join/1", "adit-loop/3"}));
  EXPECT_FALSE(SaysLive({"adit/1", "adit-loop/3"}));
  EXPECT_FALSE(SaysLive({"adit-live/2", "http/1.1"}));
  EXPECT_FALSE(SaysLive({}));
}

TEST(PlacementHint, IsTheFirstNameThatIsOne) {
  EXPECT_EQ(PlacementHint({"adit/1", "adit-loop/3", "adit-loop/4"}), 3u);
  EXPECT_EQ(PlacementHint({"adit/1"}), std::nullopt);
  EXPECT_EQ(PlacementHint({"adit-loop/", "adit-loop/x", "adit-loop/-1", "adit-loop/1x"}),
            std::nullopt);
  EXPECT_EQ(PlacementHint({"adit-loop/99999999999999"}), std::nullopt);
}

}  // namespace
}  // namespace relay
