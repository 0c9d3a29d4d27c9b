#include "client/event_follow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EventInfo Event(std::string id, int64_t time, std::string name = "StartSession",
                std::string key = "AKIA1") {
  EventInfo event;
  event.id = std::move(id);
  event.time = time;
  event.name = std::move(name);
  event.access_key_id = std::move(key);
  return event;
}

std::vector<std::string> Ids(const std::vector<EventInfo>& events) {
  std::vector<std::string> ids;
  for (const EventInfo& event : events) ids.push_back(event.id);
  return ids;
}

TEST(EventFollowTest, WhatIsShownOnceDoesNotComeAgain) {
  EventFollow follow("AKIA1");
  EXPECT_EQ(follow.since(), 0);
  EXPECT_THAT(Ids(follow.Take({Event("b", 102), Event("a", 101)})), ElementsAre("a", "b"));
  EXPECT_EQ(follow.since(), 97);
  EXPECT_THAT(Ids(follow.Take({Event("d", 110), Event("c", 103), Event("b", 102)})),
              ElementsAre("c", "d"));
  EXPECT_EQ(follow.since(), 105);
  EXPECT_THAT(follow.Take({Event("d", 110)}), IsEmpty());
  EXPECT_THAT(Ids(follow.Take({Event("d", 110), Event("late", 109)})), ElementsAre("late"));
}

TEST(EventFollowTest, WhatIsOlderThanTheFirstThatWasShownIsNotShown) {
  EventFollow follow("AKIA1");
  EXPECT_THAT(Ids(follow.Take({Event("c", 103)})), ElementsAre("c"));
  EXPECT_THAT(Ids(follow.Take({Event("d", 103), Event("c", 103), Event("b", 103), Event("a", 99)})),
              ElementsAre("d"));
  EXPECT_THAT(follow.Take({Event("d", 103), Event("c", 103), Event("b", 103)}), IsEmpty());
}

TEST(EventFollowTest, WhereNothingWasToBeginWithAllThatComesIsShown) {
  EventFollow follow("AKIA1");
  EXPECT_THAT(follow.Take({}), IsEmpty());
  EXPECT_THAT(Ids(follow.Take({Event("b", 102), Event("a", 101)})), ElementsAre("a", "b"));
}

TEST(EventFollowTest, OnesOwnLookUpsAreNotShownWhileOneFollows) {
  EventFollow follow("AKIA1");
  EXPECT_THAT(Ids(follow.Take({Event("a", 101, "LookupEvents")})), ElementsAre("a"));
  EXPECT_THAT(Ids(follow.Take({Event("d", 120, "LookupEvents"),
                               Event("c", 103, "LookupEvents", "AKIA2"), Event("b", 102)})),
              ElementsAre("b", "c"));
  EXPECT_EQ(follow.since(), 115);
}

}  // namespace
}  // namespace client
