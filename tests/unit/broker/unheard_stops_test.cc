// Goal: an end is kept until its node has heard of it, and no more than there is room for.

#include "relay/broker/unheard_stops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace relay {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST(UnheardStopsTest, AStopIsKeptUntilItsNodeWasHeard) {
  UnheardStops stops;
  stops.Add("mi-1", {"a", "why"});
  stops.Add("mi-1", {"b", "why"});
  stops.Add("mi-2", {"c", "why"});
  stops.Heard("mi-2", "a");
  stops.Heard("mi-3", "a");
  EXPECT_THAT(stops.Of("mi-1"), SizeIs(2));
  stops.Heard("mi-1", "a");
  ASSERT_THAT(stops.Of("mi-1"), SizeIs(1));
  EXPECT_EQ(stops.Of("mi-1")[0].session_id, "b");
  EXPECT_EQ(stops.size(), 2u);
  stops.Forget("mi-1");
  stops.Forget("mi-1");
  EXPECT_THAT(stops.Of("mi-1"), IsEmpty());
  EXPECT_EQ(stops.size(), 1u);
}

TEST(UnheardStopsTest, ThereAreOnlySoMany) {
  UnheardStops stops;
  for (size_t i = 0; i < UnheardStops::kMax + 10; ++i) stops.Add("mi-1", {std::to_string(i), ""});
  EXPECT_EQ(stops.size(), UnheardStops::kMax);
  stops.Heard("mi-1", "0");
  stops.Add("mi-1", {"again", ""});
  EXPECT_EQ(stops.size(), UnheardStops::kMax);
  EXPECT_EQ(stops.Of("mi-1").back().session_id, "again");
}

}  // namespace
}  // namespace relay
